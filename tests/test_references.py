"""Cross-references in docstrings: what :func:, :class:, :mod: and their like name exists."""

from __future__ import annotations

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(
    path
    for path in (
        *ROOT.glob("*.py"),
        *(
            p
            for d in ("edge", "train", "optimize", "benchmarks", "models", "tests", "examples")
            for p in (ROOT / d).rglob("*.py")
        ),
    )
)
ROLE = re.compile(r":(func|class|mod|data|attr|meth|exc|obj|const):`([^`]+)`")
# Packages whose names a docstring may give without a definition here.
OTHERS = {"numpy", "click", "cv2", "PIL", "tensorflow", "tf_keras", "pytest"}


class Module:
    """Names that a file defines, by reading it: importing every one would load TensorFlow, cameras and browsers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.members: dict[str, set[str]] = {}  # class -> its attributes
        self.names: set[str] = set()
        self.imported: dict[str, str] = {}  # name here -> dotted name of what it is
        self.texts: list[tuple[int, str]] = []
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        parts = path.relative_to(ROOT).with_suffix("").parts
        self.package = ("edgeemo", *parts[:-1])
        self.dotted = ".".join(("edgeemo", *parts)).removesuffix(".__init__")
        self._collect(tree.body)
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                self._import(node)
        for number, line in enumerate(source.splitlines(), 1):
            self.texts += [(number, match[2]) for match in ROLE.finditer(line)]

    def _collect(self, body: list[ast.stmt]) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                self.names.add(node.name)
            elif isinstance(node, ast.ClassDef):
                self.names.add(node.name)
                self.members[node.name] = set(attributes(node))
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                self.names.update(targets(node))
            elif isinstance(node, ast.If | ast.Try | ast.With):
                self._collect([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)])

    def _import(self, node: ast.Import | ast.ImportFrom) -> None:
        if isinstance(node, ast.Import):
            self.imported |= {alias.asname or alias.name: alias.name for alias in node.names}
            return
        base = self.package[: len(self.package) - node.level + 1] if node.level else ()
        module = ".".join(filter(None, (*base, node.module)))
        self.imported |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in node.names}


def targets(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        for part in target.elts if isinstance(target, ast.Tuple) else [target]:
            if isinstance(part, ast.Name):
                yield part.id
            elif isinstance(part, ast.Attribute):
                yield part.attr


def attributes(node: ast.ClassDef) -> Iterator[str]:
    """Methods, fields, and what the methods set on self."""
    for child in ast.walk(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield child.name
        elif isinstance(child, ast.Assign | ast.AnnAssign):
            yield from targets(child)


@lru_cache
def modules() -> dict[str, Module]:
    return {module.dotted: module for module in map(Module, FILES)}


def exists(dotted: str) -> bool:
    """Whether a full dotted name is a module, a definition in one, or an attribute of a class."""
    if not dotted.startswith("edgeemo"):
        return foreign(dotted)
    if dotted in modules() or (ROOT / Path(*dotted.split(".")[1:])).is_dir():
        return True
    owner, _, name = dotted.rpartition(".")
    if owner in modules():
        module = modules()[owner]
        return name in module.names or (name in module.imported and exists(module.imported[name]))
    module_name, _, owner_name = owner.rpartition(".")
    if module_name in modules():
        module = modules()[module_name]
        if owner_name in module.members:
            return name in module.members[owner_name]
        return owner_name in module.imported and exists(f"{module.imported[owner_name]}.{name}")
    return False


def foreign(dotted: str) -> bool:
    """Whether a name of the standard library, or of a package that a docstring may refer to, exists."""
    first, *rest = dotted.split(".")
    if first in OTHERS:
        return True
    if first not in sys.stdlib_module_names:
        return False
    found: object = importlib.import_module(first)
    for part in rest:
        if not hasattr(found, part):
            try:
                importlib.import_module(f"{first}.{part}")
            except ImportError:
                return False
        found = getattr(found, part)
    return True


def resolves(name: str, module: Module) -> bool:
    name = re.sub(r"\(\)$", "", re.sub(r"^.*<(.+)>$", r"\1", name)).removeprefix("~")
    if name.startswith("."):  # relative to the package of the file
        return exists(".".join((*module.package, name.lstrip("."))))
    if exists(name) or exists(".".join((*module.package, name))):
        return True
    first, _, rest = name.partition(".")
    if first in module.names or first in module.imported:
        dotted = module.imported.get(first, f"{module.dotted}.{first}") + (f".{rest}" if rest else "")
        return not dotted.startswith("edgeemo") or exists(dotted)
    # A method within its own class, an exception that Python brings.
    return any(name in members for members in module.members.values()) or name in BUILTINS


BUILTINS = set(dir(importlib.import_module("builtins")))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_references_of_a_file_resolve(path: Path) -> None:
    module = next(module for module in modules().values() if module.path == path)
    broken = [f"{path.name}:{line}: {name}" for line, name in module.texts if not resolves(name, module)]
    assert not broken


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("command_of", True),
        ("edgeemo.edge.common.errors.EdgeemoError", True),
        ("edgeemo.edge.common.errors", True),
        ("edgeemo.edge.common.errors.Nothing", False),
        ("edgeemo.edge.nowhere", False),
        ("struct", True),
        ("zipfile.ZipFile", True),
        ("zipfile.ZopFile", False),
        ("ValueError", True),
        ("Nothing", False),
    ],
)
def test_a_reference_that_leads_nowhere_is_found(name: str, found: bool) -> None:
    assert resolves(name, modules()["edgeemo.tests.test_docs"]) is found
