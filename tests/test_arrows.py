"""The packages of the project and the import rules between them."""

from __future__ import annotations

import ast
import configparser
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("edge", "train", "optimize", "benchmarks", "models")
# Package -> what it may import of the project; "train.datasets" allows that part alone.
ALLOWED = {
    "edge": (),
    "models": (),
    "train": ("edge",),
    "optimize": ("train", "edge", "benchmarks.record"),
    "benchmarks": ("edge", "train.datasets"),
}
HEAVY = ("tensorflow", "tf_keras", "tensorflow_model_optimization", "keras")
LIGHT = ("edge", "benchmarks", "train/datasets", "train/evaluation", "optimize/validation")


def sources(package: str) -> Iterator[Path]:
    return (ROOT / package).rglob("*.py")


def imports(path: Path) -> Iterator[str]:
    """Absolute dotted names of everything that a file imports, at any depth of its code."""
    package = ("edgeemo", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            # "from . import schedule" names a module, "from .schedule import x" a thing in one; both are covered.
            yield from (f"{module}.{alias.name}" for alias in node.names)


def forbidden(package: str, path: Path) -> list[str]:
    allowed = tuple(f"edgeemo.{target}" for target in (package, *ALLOWED[package]))
    own = [name for name in imports(path) if name.split(".")[0] == "edgeemo"]
    # The version is the one thing of the root that any package may ask for.
    own = [name for name in own if name != "edgeemo.__version__"]
    return [name for name in own if not any(name == a or name.startswith(f"{a}.") for a in allowed)]


@pytest.mark.parametrize("package", PACKAGES)
def test_package_imports_only_what_it_may(package: str) -> None:
    found = {str(path.relative_to(ROOT)): bad for path in sources(package) if (bad := forbidden(package, path))}
    assert not found


def test_forbidden_import_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wrong = tmp_path / "edge" / "deep" / "wrong.py"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("def f():\n    from ...train.fit import loop\n    from ..card import ModelCard\n")
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert forbidden("edge", wrong) == ["edgeemo.train.fit.loop"]


@pytest.mark.parametrize("path", [path for package in LIGHT for path in sources(package)], ids=str)
def test_tensorflow_stays_out_of_what_runs_on_the_device(path: Path) -> None:
    assert not [name for name in imports(path) if name.split(".")[0] in HEAVY]


def test_no_module_imports_itself_through_others() -> None:
    """Also not for type checkers alone, or inside functions; what a package's own face gathers does not count."""
    files = [path for package in PACKAGES for path in sources(package) if path.name != "__init__.py"]
    names = {".".join(("edgeemo", *path.relative_to(ROOT).with_suffix("").parts)): path for path in files}

    def module_of(name: str) -> str | None:
        return next((n for n in (name, name.rpartition(".")[0]) if n in names), None)

    graph = {name: {m for i in imports(path) if (m := module_of(i)) and m != name} for name, path in names.items()}
    graphlib.TopologicalSorter(graph).prepare()


def test_every_folder_of_code_is_in_the_package() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = set(config["options"]["packages"].split())
    folders = {path.parent for package in PACKAGES for path in sources(package)}
    assert listed == {"edgeemo", *(".".join(("edgeemo", *folder.relative_to(ROOT).parts)) for folder in folders)} | {
        "edgeemo.train.recipes"
    }


def test_readme_s_test_command_is_what_ci_runs() -> None:
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


#: Where click may be imported: commands, and modules that declare the options of a plug-in.
CLICK = ("cli.py", "demo.py", "edge/common/plugin.py", "edge/sources/", "edge/sinks/", "benchmarks/probes/")
CLICK += ("train/datasets/options.py",)


def test_only_the_command_line_knows_click() -> None:
    files = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in sources(package)]
    rest = [name for name in files if "/commands/" not in name and not name.startswith(CLICK)]
    assert len(rest) > 100
    assert not [name for name in rest if any(found.split(".")[0] == "click" for found in imports(ROOT / name))]
