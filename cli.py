"""The ``edgeemo`` command: a click group whose commands are imported only when they are called."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Mapping
from typing import Any

import click
from click.shell_completion import CompletionItem

from . import __version__
from .edge.commands.group import CommandGroup, with_verbose
from .edge.common.console import reader_may_leave
from .edge.common.errors import EdgeemoError

#: command -> (module with its attribute ``command``, line for --help). Kept here so that --help imports none of them.
COMMANDS: dict[str, tuple[str, str]] = {
    "train": ("train.commands.train", "Train a model by a recipe."),
    "distill": ("train.commands.distill", "Write soft targets of trained networks for a smaller one to learn from."),
    "evaluate": ("train.commands.evaluate", "Measure the accuracy of a run or a .tflite."),
    "quantize": ("optimize.commands.quantize", "Turn a trained model into an int8 .tflite."),
    "sensitivity": ("optimize.commands.sensitivity", "Rank operators by the accuracy that quantizing each costs."),
    "validate": ("optimize.commands.validate", "Prove that a model kept the accuracy of another."),
    "inspect": ("optimize.commands.inspect", "Show what a recipe or a .tflite is made of, and what it costs."),
    "scale-confidence": ("optimize.commands.scale_confidence", "Fit a temperature to the confidences of a .tflite."),
    "predict": ("edge.commands.predict", "Find and classify the faces in images."),
    "run": ("edge.commands.run", "Classify the faces of a camera, video or folder."),
    "benchmark": ("benchmarks.commands.benchmark", "Measure latency and accuracy."),
    "results": ("optimize.commands.results", "Tabulate systems from their runs, cards and benchmark records."),
    "models": ("edge.commands.models", "The models that come with the package."),
    "data": ("train.commands.data", "Look at data sets."),
    "doctor": ("edge.commands.doctor", "Check this machine: hardware, packages, cameras, accelerators."),
    "deploy": ("edge.commands.deploy", "Install a model as a service on a device."),
    "demo": ("demo", "Run an end-to-end demo on synthetic faces in minutes."),
    "maintain": ("cli", "For those who work on this repository: its manifest and tables."),
}
#: The same for ``edgeemo maintain``. ``results`` is here too: it writes the tables of this repository's README.
MAINTENANCE = {
    "manifest": ("edge.commands.manifest", "Write the manifest of a folder of models."),
    "results": ("optimize.commands.results", "Tabulate systems from their runs, cards and benchmark records."),
}


class LazyGroup(CommandGroup):
    """A group that knows its commands by name and imports one when it is called.

    Args:
        table: command -> (module, one line for --help).
        options: for :class:`click.Group`.
    """

    def __init__(self, *, table: Mapping[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(**options)
        self._table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._table:
            return None
        module = importlib.import_module(f".{self._table[cmd_name][0]}", __package__)
        return with_verbose(module.command)

    def invoke(self, ctx: click.Context) -> Any:
        with reader_may_leave():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in self._table.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        # click would import every command to look at it.
        names = [
            CompletionItem(name, help=text) for name, (_, text) in self._table.items() if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(
    cls=LazyGroup,
    table=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version", prog_name="edgeemo")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def edgeemo(debug: bool) -> None:
    """Facial-emotion classifiers for the edge: train, quantize, prove, run, measure.

    \b
    Exit codes: 0 done, 1 error, 2 wrong usage, 3 a quality gate was not met.

    Example: edgeemo predict model.tflite photo.jpg
    """


@click.group("maintain", cls=LazyGroup, table=MAINTENANCE)
def command() -> None:
    """Write what this repository keeps of its own models: their manifest and the tables of results.

    Example: edgeemo maintain manifest --write
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line: one sentence for every failure, a traceback only with ``--debug``."""
    arguments = sys.argv[1:] if arguments is None else arguments
    debug = bool(arguments) and arguments[0] == "--debug"
    try:
        status: Any = edgeemo.main(args=arguments, prog_name="edgeemo", standalone_mode=False)
    except click.ClickException as error:
        if debug:
            traceback.print_exc()
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(130)
    except Exception as error:
        if debug:
            traceback.print_exc()
        if _out_of_memory(error):
            hint = "take fewer or smaller images or a smaller batch, close other programs, or use a larger machine"
            click.echo(f"Error: {EdgeemoError('this ran out of memory', hint=hint)}", err=True)
            sys.exit(1)
        text = f"{type(error).__name__}: {error}"
        click.echo(f"Error: unexpected failure ({text}); please report it with the output of --debug", err=True)
        sys.exit(1)
    sys.exit(status if isinstance(status, int) else 0)


def _out_of_memory(error: Exception) -> bool:
    # TensorFlow's own error is recognized by its name: most commands run without TensorFlow.
    return isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError"
