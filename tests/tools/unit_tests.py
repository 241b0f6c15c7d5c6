"""A pytest plug-in that keeps the fast unit tests alone, for ``make check``: ``-p tests.tools.unit_tests``.

The rule: a file is kept when neither it nor any module of the project that it imports, at any depth, imports TensorFlow
or starts a process, and when it opens no socket, thread or camera of its own. What the command line loads is known only
when it runs, so a file that calls commands is left out too. Nothing has to be marked: a file that grows heavy leaves by
itself. Single tests that take seconds all the same are marked ``seconds``.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {
    "tensorflow",
    "tf_keras",
    "keras",
    "tensorflow_model_optimization",
    "ai_edge_quantizer",
    "matplotlib",
    "skimage",
}
HEAVY |= {"subprocess", "multiprocessing"}
# These look at every command and every page, and are fast because they run none.
ALWAYS = {ROOT / "tests" / name for name in ("test_docs.py",)}
# Needs another interpreter.
NEVER = ROOT / "tests" / "arm"
# What starts a process, a server or a camera; commands; fixtures of tests/conftest.py that train a network.
WAITS = re.compile(
    r"subprocess|multiprocessing|socket|threading|time\.sleep|edgeemo\.cli|CliRunner|trained_run|converted|clip_avi|Popen"
)


def imports(path: Path) -> Iterator[str]:
    package = ("edgeemo", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join(filter(None, (*base, node.module)))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def file_of(dotted: str) -> Path | None:
    """Return the file of a module, or of the module that defines a name."""
    parts = dotted.split(".")[1:]
    for end in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:end])
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.exists():
                return path
    return None


@cache
def direct(path: Path) -> tuple[frozenset[str], frozenset[Path]]:
    """Return the packages of others and the files of the project that a file imports."""
    names = list(imports(path))
    own = [name for name in names if name.startswith("edgeemo.")]
    files = frozenset(file for name in own if (file := file_of(name)) is not None)
    return frozenset(name.split(".")[0] for name in names), files


def is_unit(path: Path) -> bool:
    """Return whether a test file is fast by the rule above."""
    if path in ALWAYS:
        return True
    if NEVER in path.parents:
        return False
    if WAITS.search(path.read_text(encoding="utf-8")):
        return False
    seen, rest = {path}, [path]
    while rest:
        others, files = direct(rest.pop())
        if others & HEAVY:
            return False
        rest += files - seen
        seen |= files
    return True


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    if collection_path.suffix == ".py" and collection_path.name.startswith("test_") and not is_unit(collection_path):
        return True
    return None
