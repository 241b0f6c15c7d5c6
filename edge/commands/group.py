"""Groups of commands that turn the package's exceptions into messages and exit codes."""

from __future__ import annotations

from typing import Any

import click

from ..common.errors import EdgeemoError
from ..common.extras import explained


class CommandFailure(click.ClickException):
    """An :class:`EdgeemoError` as click shows it: one sentence, and the exit code of its class."""

    def __init__(self, error: EdgeemoError) -> None:
        super().__init__(str(error))
        # click reads it from the instance, too.
        self.exit_code = error.exit_code  # type: ignore[misc]


class CommandGroup(click.Group):
    """A group whose commands may raise :class:`EdgeemoError`, or fail to import an optional dependency."""

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
