"""Groups of commands that turn the package's exceptions into messages and exit codes."""

from __future__ import annotations

import platform
import time
from typing import Any

import click

from ..common.console import message
from ..common.errors import EdgeemoError
from ..common.extras import explained
from ..common.version import __version__, package_version

#: Packages whose versions --verbose shows, where they are installed.
_PACKAGES = ("numpy", "opencv-python", "opencv-python-headless", "ai-edge-litert", "tflite-runtime", "tensorflow")


class CommandFailure(click.ClickException):
    """An :class:`EdgeemoError` as click shows it: one sentence, and the exit code of its class."""

    def __init__(self, error: EdgeemoError) -> None:
        super().__init__(str(error))
        # click reads it from the instance, too.
        self.exit_code = error.exit_code  # type: ignore[misc]


def _start_report(ctx: click.Context, parameter: click.Parameter, wanted: bool) -> None:
    """Say what runs, and in the end how long it took and how much memory it had."""
    if not wanted or ctx.resilient_parsing:
        return
    began = time.monotonic()
    message(f"edgeemo {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    packages = [f"{name} {found}" for name in _PACKAGES if (found := package_version(name))]
    message(", ".join(packages))
    ctx.call_on_close(lambda: message(f"took {time.monotonic() - began:.2f} s{_peak_memory()}"))


def _peak_memory() -> str:
    try:
        from ..host.memory import memory_mb
    except ImportError:
        # Windows has no `resource`.
        return ""
    return f", {memory_mb():,.0f} MB of memory at most"


def with_verbose(command: click.Command) -> click.Command:
    """Give a command ``-v``, ``--verbose``, unless it has it already or is a group."""
    if not isinstance(command, click.Group) and all("--verbose" not in option.opts for option in command.params):
        command.params.append(
            click.Option(
                ["-v", "--verbose"],
                is_flag=True,
                expose_value=False,
                callback=_start_report,
                help="Show versions, time and memory on standard error.",
            )
        )
    return command


class CommandGroup(click.Group):
    """A group whose commands may raise :class:`EdgeemoError`, or fail to import an optional dependency."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        return None if command is None else with_verbose(command)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgeemoError as error:
            raise CommandFailure(error) from error
        except ImportError as error:
            known = explained(error)
            if known is None:
                raise
            raise CommandFailure(known) from error
