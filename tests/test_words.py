"""Words of the field instead of our own: what README, docs, docstrings, comments and help texts do not say."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Pattern -> what to write instead. Case does not matter.
BANNED = {
    r"pictures?": "image, or frame of a video",
    r"drawn faces?": "synthetic faces",
    r"taint\w*": "unreliable, with the reason",
    r"lessons?": "soft targets",
    r"lab books?": "experiment log",
    r"front door": "running on a camera",
    r"walk(s|ing)? the whole way": "end-to-end demo",
    r"h(e|o)ld against": "compared with",
    r"has and lacks": "check",
    r"is told": "is reported, or is given",
    r"go(es|ing)? on": "continue",
    r"anew": "again",
    r"mend(s|ed|ing)?": "fix",
    r"(this|these|device's|workstation's) rooms?": "package",
    r"models? of others|other people's models?": "third-party model",
    r"(by|with) the front": "running on a camera",
    r"frames left out": "dropped frames",
    r"(is|being) looked for": "reconnecting",
    r"blam(e|es|ed|ing)": "sensitivity",
    r"(quant|optim|normal|initial|recogn|serial)is(e[ds]?|ing|ation|er)": "American spelling",
    r"colou?r?ise\w*|colour\w*|behaviours?|labelled|labelling|grey|centre[ds]?": "American spelling",
    r"neighbours?|favour\w*|artefacts?": "American spelling",
}
PATTERN = re.compile(r"(?<![\w-])(?:" + "|".join(f"(?:{word})" for word in BANNED) + r")(?![\w-])", re.IGNORECASE)
# This file has to name them; the changelog has the old names, and the other two quote reports.
EXEMPT = {"tests/test_words.py", "CHANGELOG.md"}
MARKDOWN = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "models/README.md",
]
PYTHON = [
    path
    for folder in ("edge", "train", "optimize", "benchmarks", "models", "tests", "examples")
    for path in sorted((ROOT / folder).rglob("*.py"))
] + sorted(ROOT.glob("*.py"))
OTHERS = [ROOT / "Makefile", ROOT / ".ci/run", *sorted((ROOT / "train/recipes").glob("*.toml"))]
OTHERS += sorted(path for path in (ROOT / "edge/sinks/web/page").glob("*") if path.suffix in (".html", ".js", ".css"))


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that people read: comments and strings of Python, whole lines of everything else."""
    if path.suffix != ".py":
        yield from enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        return
    strings = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    with path.open("rb") as stream:
        for token in tokenize.tokenize(stream.readline):
            # A string of one word is a name: the key of a record, say.
            if token.type in strings and re.search(r"[^\s#]\s+\S|#", token.string):
                yield from ((token.start[0] + i, line) for i, line in enumerate(token.string.splitlines()))


@pytest.mark.parametrize("path", [*MARKDOWN, *PYTHON, *OTHERS], ids=lambda path: str(path.relative_to(ROOT)))
def test_words_of_the_field(path: Path) -> None:
    if str(path.relative_to(ROOT)) in EXEMPT:
        return
    found = [f"{path.name}:{n}: {m[0]!r} in {line.strip()}" for n, line in prose(path) for m in PATTERN.finditer(line)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("text", "found"),
    [("A picture of it", True), ("pictures", True), ("It Goes On", True), ("recommended", False), ("renew", False)],
)
def test_banned_words_are_found(text: str, found: bool) -> None:
    assert bool(PATTERN.search(text)) is found
