"""The environments in which plug-ins are tested: they have the plug-in, and edgeemo sees it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import edgeemo as package

from .venv import edgeemo, plugin_venv


def test_an_environment_has_the_plugin_and_this_edgeemo(tmp_path: Path) -> None:
    file = tmp_path / "toy.py"
    file.write_text("answer = 42\n")
    python = plugin_venv(tmp_path, file, {"edgeemo.answers": {"toy": "toy:answer"}})
    code = (
        "import edgeemo; from edgeemo.edge.common.registry import Registry;"
        "answers = Registry('answer', group='edgeemo.answers', builtin={});"
        "print(edgeemo.__file__, answers.names(), answers.load('toy'))"
    )
    done = subprocess.run(
        [python, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path / "plugin-venv"
    )
    assert done.stdout.split() == [package.__file__, "['toy']", "42"]
    assert edgeemo(python, "--version").stdout.split()[-1] == package.__version__
