"""The command line in this process, for tests."""

from __future__ import annotations

from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo


def run(*words: object) -> Result:
    """Run ``edgeemo`` with these words, each made a string."""
    return CliRunner().invoke(edgeemo, [*map(str, words)])
