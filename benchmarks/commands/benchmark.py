"""``edgeemo benchmark``: measures models, or reads what was measured."""

from __future__ import annotations

import click

from ...edge.commands.group import CommandGroup
from .compare import command as compare
from .measure import command as measure
from .profile import command as profile
from .report import command as report


class MeasureByDefault(CommandGroup):
    """A group whose name alone means its command ``measure``: ``edgeemo benchmark model.tflite``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in self.commands:
            args = [measure.name or "", *args]
        return super().parse_args(ctx, args)


@click.group("benchmark", cls=MeasureByDefault)
def command() -> None:
    """Measure models, or read what was measured."""


command.add_command(measure)
command.add_command(compare)
command.add_command(profile)
command.add_command(report)
