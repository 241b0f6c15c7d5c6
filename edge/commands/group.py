"""Groups of commands that turn the package's exceptions into messages and exit codes."""

from __future__ import annotations

from typing import Any

import click

from ..common.errors import EdgeemoError, OptionError
from ..common.extras import explained


class CommandFailure(click.ClickException):
    """An :class:`EdgeemoError` as click shows it: one sentence, and the exit code of its class."""

    def __init__(self, error: EdgeemoError) -> None:
        super().__init__(str(error))
        # click reads it of the instance, too.
        self.exit_code = error.exit_code  # type: ignore[misc]


class CommandGroup(click.Group):
    """A group whose commands may raise :class:`EdgeemoError`."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except OptionError as error:
            raise click.UsageError(str(error), self._context(ctx)) from error
        except EdgeemoError as error:
            raise CommandFailure(error) from error
        except ImportError as error:
            known = explained(error)
            if known is None:
                raise
            raise CommandFailure(known) from error

    def _context(self, ctx: click.Context) -> click.Context:
        """Return the context of the command that was called, whose usage belongs to a wrong option."""
        name = ctx.invoked_subcommand
        command = self.get_command(ctx, name) if name else None
        return ctx if command is None else click.Context(command, parent=ctx, info_name=name)
