"""Figures about the structure of the code: ``python tests/tools/structure.py [CHECKOUT] [--list]``.

Longest function, widest signature, fullest folder, names that public classes share, docstrings of public functions that
do not begin with an imperative verb. Tests are not counted.
"""

from __future__ import annotations

import argparse
import ast
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

PACKAGES = ("edge", "train", "optimize", "benchmarks", "models")
Function = ast.FunctionDef | ast.AsyncFunctionDef
# A docstring that begins with none of these verbs is taken for a noun phrase.
IMPERATIVES = set(
    """
    accept adapt add adjust aggregate align allocate allow analyze answer append apply arrange ask assemble assign
    attach audit average begin bind blend blur build bundle calculate calibrate call cancel capture cast change check
    choose classify clean clear clip clone close collect color combine compare compile complain compose compress
    compute configure connect construct continue convert copy correct corrupt count cover create crop cut declare
    decode decompose deduplicate degrade delegate delete deploy derive describe detect determine disable discard
    disconnect display distill distribute divide do download draw drop dump emulate enable encode end enforce ensure
    enter escape estimate evaluate examine exchange exclude execute exit expand explain export expose extend extract
    fail fall fetch fill filter find finish fit fix flag flatten flip flush fold follow forget format forward freeze
    fuse gather generate get give go group guard guess handle hash hide hold identify ignore implement import include
    indent index infer initialize insert inspect install interpolate interpret interrupt invert invoke iterate join
    judge keep kill label launch lay leave lift limit link list listen load locate lock log look lower make map mark
    mask match measure merge mirror mix monitor move multiply name normalize note notify number observe omit open order
    overlay override pack pad paint pair parse pass patch pause pick place plan play plot poll pool prefer prepare
    present preserve press print probe process produce profile project propose prove provide publish pull push put
    quantize query queue raise rank reach read receive recognize reconnect record recover reduce refer refine refuse
    register reject relate release reload remember remove rename render repair repeat replace report request require
    reset reshape resize resolve restart restore resume retry return reverse rewrite rotate round run sample save say
    scale scan schedule score search see seed select send separate serialize serve set shade shape share shift shorten
    show shrink shuffle shut sign signal simulate skip sleep smooth soften solve sort split spread stack stamp start
    state step stop store stream strip subtract suggest sum summarize supply support swap switch take teach tell
    terminate test throw tile time toggle track train transform translate transpose truncate try tune turn unpack
    update upload use validate verify view vote wait walk warm warn watch weigh widen wrap write yield zip
    """.split()
)


@dataclass
class Figures:
    """What was counted in one checkout."""

    functions: list[tuple[int, str]] = field(default_factory=list)  # lines
    signatures: list[tuple[int, str]] = field(default_factory=list)  # parameters
    folders: Counter[str] = field(default_factory=Counter)
    classes: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    moods: list[str] = field(default_factory=list)
    documented: int = 0

    def shared(self) -> dict[str, list[str]]:
        """Return the names of public classes that stand in two or more modules."""
        return {name: places for name, places in self.classes.items() if len(places) > 1}


def files(root: Path) -> Iterator[Path]:
    yield from root.glob("*.py")
    for package in PACKAGES:
        yield from (root / package).rglob("*.py")


def parameters(node: Function) -> int:
    arguments = node.args
    named = [a.arg for a in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)]
    return len([name for name in named if name not in ("self", "cls")])


def imperative(docstring: str) -> bool:
    first = re.match(r"\W*([A-Za-z]+)", docstring)
    return first is not None and first[1].lower() in IMPERATIVES


def is_property(node: Function) -> bool:
    names = {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in node.decorator_list}
    return bool(names & {"property", "cached_property", "setter", "command", "group", "override"})


def measure(root: Path) -> Figures:
    """Return the figures of a checkout."""
    figures = Figures()
    for path in files(root):
        place = str(path.relative_to(root))
        folder = str(path.parent.relative_to(root))
        figures.folders[folder] += path.name != "__init__.py"
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, Function):
                name = f"{place}::{node.name}"
                # The docstring is no part of what has to be followed.
                body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
                figures.functions.append(((body[-1].end_lineno or 0) - body[0].lineno + 1, name))
                figures.signatures.append((parameters(node), name))
                docstring = ast.get_docstring(node)
                if docstring and not node.name.startswith("_") and not is_property(node):
                    figures.documented += 1
                    if not imperative(docstring):
                        figures.moods.append(f"{name}: {docstring.splitlines()[0]}")
        for child in tree.body:
            if isinstance(child, ast.ClassDef) and not child.name.startswith("_"):
                figures.classes[child.name].append(place)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkout", nargs="?", type=Path, default=Path(__file__).parents[2])
    parser.add_argument("--list", action="store_true", help="show ten of each, every shared name and every docstring")
    options = parser.parse_args()
    figures = measure(options.checkout.resolve())
    shown = 10 if options.list else 1
    for title, unit, ranked in (
        ("longest function", "lines without docstring", sorted(figures.functions, reverse=True)),
        ("widest signature", "parameters", sorted(figures.signatures, reverse=True)),
        ("fullest folder", "modules", [(count, name) for name, count in figures.folders.most_common()]),
    ):
        for number, name in ranked[:shown]:
            print(f"{title:<18} {number:>4} {unit}: {name}")
    wide = sum(count > 8 for count, _ in figures.signatures)
    print(f"signatures of more than 8 parameters: {wide}")
    print(f"modules: {sum(figures.folders.values())} in {len(figures.folders)} folders")
    shared = figures.shared()
    print(f"public classes that share a name: {len(shared)}" + (f" ({', '.join(sorted(shared))})" if shared else ""))
    if options.list:
        for name, places in sorted(shared.items()):
            print(f"  {name}: {', '.join(places)}")
    print(f"docstrings of public functions: {figures.documented}, not imperative: {len(figures.moods)}")
    if options.list:
        print("\n".join(f"  {line}" for line in sorted(figures.moods)))


if __name__ == "__main__":
    main()
