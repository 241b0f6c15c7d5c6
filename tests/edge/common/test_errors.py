"""The tree of exceptions: as documented, plain Python, and turned into exit codes by the command line alone."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from edgeemo.edge.commands.group import CommandGroup
from edgeemo.edge.common import errors
from edgeemo.edge.common.errors import EdgeemoError, MissingExtraError, ModelError

CLASSES = [each for _, each in inspect.getmembers(errors, inspect.isclass) if issubclass(each, EdgeemoError)]


def documented() -> dict[str, tuple[str | None, int]]:
    """Return name -> (parent, exit code) of the tree in the docstring of the module."""
    found: dict[str, tuple[str | None, int]] = {}
    parents: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"    ([|` -]*)(\w+) +(\d)  ", line):
            depth = len(match[1])
            parents = [parent for parent in parents if parent[0] < depth]
            found[match[2]] = (parents[-1][1] if parents else None, int(match[3]))
            parents.append((depth, match[2]))
    return found


def test_the_documented_tree_is_the_real_one() -> None:
    real = {each.__name__: (each.__bases__[0].__name__, each.exit_code) for each in CLASSES}
    real["EdgeemoError"] = (None, 1)
    assert documented() == real


def test_the_parts_of_an_error_can_be_asked_for() -> None:
    error = ModelError("m.tflite is wrong", expected="one output", got="2", hint="convert it again")
    assert (error.problem, error.expected, error.got, error.hint) == (
        "m.tflite is wrong",
        "one output",
        "2",
        "convert it again",
    )
    assert str(error) == "m.tflite is wrong, expected one output, got 2; convert it again"
    assert str(EdgeemoError("it is wrong")) == "it is wrong"


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_a_command_ends_with_the_exit_code_of_its_error(kind: type[EdgeemoError]) -> None:
    error = kind("package", "extra") if kind is MissingExtraError else kind("it is wrong", hint="repair it")

    @click.group(cls=CommandGroup)
    def group() -> None:
        """Do nothing."""

    @group.command()
    def fail() -> None:
        raise error

    result = CliRunner().invoke(group, ["fail"])
    assert (result.exit_code, result.stderr, result.stdout) == (kind.exit_code, f"Error: {error}\n", "")


def test_errors_know_nothing_of_the_command_line() -> None:
    code = "import sys, edgeemo.edge.common.errors; print('click' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
