"""README and docs: commands that exist, links that lead somewhere, a test behind every fault."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from edgeemo.cli import edgeemo

ROOT = Path(__file__).parents[1]
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    ROOT / "models/README.md",
]
# Old names are what these pages are about.
HISTORY = {"CHANGELOG.md", "experiment-log.md"}
# Options of other programs: pip, venv, pytest, and uninstall.sh of a deployed service.
FOREIGN_OPTIONS = {"--system-site-packages", "--purge", "--import-mode"}


class Span(NamedTuple):
    """Text in code font of a page, and the line that it stands on."""

    page: Path
    line: int
    text: str
    block: bool

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


def spans(page: Path) -> Iterator[Span]:
    """Lines of fenced blocks, continuations joined, and inline code."""
    fenced, held, begun = False, "", 0
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            held, begun = (held + line.rstrip("\\"), begun or number)
            if not line.endswith("\\"):
                yield Span(page, begun, held, True)
                held, begun = "", 0
        else:
            yield from (Span(page, number, match[1], False) for match in re.finditer(r"`([^`]+)`", line))


def command_of(text: str) -> list[str] | None:
    """The arguments of the ``edgeemo`` command in a line, or None where there is none."""
    text = re.sub(r"\s#\s.*", "", text.strip().removeprefix("$ "))
    try:
        words = shlex.split(text)
    except ValueError:
        return None
    while words:
        end = next((i for i, word in enumerate(words) if word in ("|", "&&", ";", "&") or word[:1] == ">"), len(words))
        # Variables of the environment may stand before it.
        name = next((i for i, word in enumerate(words[:end]) if "=" not in word and word != "sudo"), end)
        if name < end and Path(words[name]).name == "edgeemo":
            return words[name + 1 : end]
        words = words[end + 1 :]
    return None


def problem(arguments: list[str]) -> str | None:
    """What click would object to before a command runs: a name, an option, a choice that does not exist."""
    command: click.Command = edgeemo
    context, rest = click.Context(edgeemo, info_name="edgeemo"), arguments
    try:
        while isinstance(command, click.Group) and rest:
            command.parse_args(context, list(rest))
            rest = [*context._protected_args, *context.args]
            if not rest or rest[0] == "...":
                return None
            name, found, rest = command.resolve_command(context, rest)
            assert found is not None
            command, context = found, click.Context(found, info_name=name, parent=context)
        # "--threads" alone, as prose mentions it, lacks its value.
        if rest and takes_value(command, rest[-1]):
            rest = rest[:-1]
        given, left, _ = command.make_parser(context).parse_args(list(rest))
        for parameter in command.params:
            value = given.get(parameter.name or "")
            if (
                isinstance(parameter.type, click.Choice)
                and isinstance(value, str)
                and not value.isupper()
                and value != "..."
            ):
                parameter.type.convert(value, parameter, context)
    except click.exceptions.Exit:  # --help, --version
        return None
    except click.exceptions.UsageError as error:
        return error.format_message()
    left = [argument for argument in left if argument != "..."]
    return f"unexpected arguments {left}" if left else None


def takes_value(command: click.Command, option: str) -> bool:
    return any(
        isinstance(parameter, click.Option) and option in parameter.opts and not parameter.is_flag
        for parameter in command.params
    )


def commands(group: click.Command = edgeemo, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name."""
    yield " ".join(path), group
    if isinstance(group, click.Group):
        context = click.Context(group)
        for name in group.list_commands(context):
            found = group.get_command(context, name)
            assert found is not None
            yield from commands(found, (*path, name))


ALL_SPANS = [span for page in PAGES if page.name not in HISTORY for span in spans(page)]
COMMAND_LINES = [(span, arguments) for span in ALL_SPANS if (arguments := command_of(span.text))]


@pytest.mark.parametrize(("span", "arguments"), COMMAND_LINES, ids=[str(span) for span, _ in COMMAND_LINES])
def test_command_of_a_page_exists(span: Span, arguments: list[str]) -> None:
    assert problem(arguments) is None, f"{span}: {span.text}"


def test_commands_are_found_on_the_pages() -> None:
    assert len(COMMAND_LINES) > 90
    assert sum(span.block for span, _ in COMMAND_LINES) > 40


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("$ edgeemo run --source 0 --web 8080 | jq -c .", ["run", "--source", "0", "--web", "8080"]),
        ("rpicam-vid -o - | edgeemo run --source -", ["run", "--source", "-"]),
        ("EDGEEMO_SOURCE='rtsp://a b' edgeemo run --wait > lines.jsonl   # a stream", ["run", "--wait"]),
        ("pip install edgeemo", None),
        ("  edgeemo: version 0.1.0", None),
    ],
)
def test_commands_are_taken_out_of_a_line(line: str, expected: list[str] | None) -> None:
    assert command_of(line) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ("fly", "No such command 'fly'"),
        ("models fly", "No such command 'fly'"),
        ("predict --flying photo.jpg", "No such option"),
        ("quantize run --method int9", "'int9' is not one of"),
    ],
)
def test_command_that_does_not_exist_is_found(arguments: str, expected: str) -> None:
    assert expected in str(problem(arguments.split()))


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_example_of_a_help_text_exists(name: str) -> None:
    command = dict(commands())[name]
    for line in (command.help or "").replace("\b", "").splitlines():
        # "Example: edgeemo inspect RECIPE, or edgeemo inspect MODEL      what it does"
        for example in re.split(r", or |\s{2,}", re.sub(r"^\s*(Examples?:)?\s*", "", line)):
            arguments = command_of(example) or ["--help"]
            assert problem(arguments) is None, line


def test_options_of_the_pages_exist() -> None:
    known = {option for _, command in commands() for p in command.params for option in (*p.opts, *p.secondary_opts)}
    known |= {"--help", *FOREIGN_OPTIONS}
    unknown = {
        f"{span}: {option}"
        for span in ALL_SPANS
        if not span.block and span.text.startswith("--")
        for option in re.findall(r"(?<!\S)--[a-z][a-z-]*", span.text)
        if option not in known
    }
    assert not unknown


def anchor(heading: str) -> str:
    """The anchor of a heading, as GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(page: Path) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        fenced ^= line.lstrip().startswith("```")
        if not fenced:
            yield from (
                (number, target) for target in re.findall(r"\]\(<?([^)\s>]+)>?\)", re.sub(r"`[^`]*`", "`code`", line))
            )


@pytest.mark.parametrize("page", [*PAGES, *filter(Path.exists, [ROOT / "CHANGELOG.md"])], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for number, target in links(page):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        file = (page.parent / path) if path else page
        if not file.exists():
            broken.append(f"{page.name}:{number}: {target}")
        elif fragment and fragment not in map(
            anchor, re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), re.MULTILINE)
        ):
            broken.append(f"{page.name}:{number}: no heading {fragment}")
    assert not broken


def is_path(text: str) -> bool:
    """Whether code font names a file of this repository: it begins with one of its folders."""
    first = text.split("/", maxsplit=1)[0]
    return "/" in text and first in FOLDERS and not re.search(r"[\s*{}<>=]|[A-Z_]{4,}/", text)


FOLDERS = ("edge", "train", "optimize", "benchmarks", "models", "tests", "docs", "examples", ".ci")


def test_files_named_on_the_pages_exist() -> None:
    missing = {
        f"{span}: {text}"
        for span in ALL_SPANS
        if not span.block and is_path(text := span.text.split("::")[0].split("#")[0])
        if not (ROOT / text).exists() and not (ROOT / f"{text}.py").exists()
    }
    assert not missing


FAULTS = [line for line in (ROOT / "docs/failures.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
FAULTS = [line for line in FAULTS if re.match(r"\| (?!fault \|)\w", line)]


def cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("row", FAULTS, ids=lambda row: cells(row)[0])
def test_fault_names_tests_that_exist(row: str) -> None:
    fault, *_, tests = cells(row)
    assert tests, fault
    if tests in ("the same", "`test_faults.py` as above"):
        return
    file = None
    for name in re.findall(r"`([^`]+)`", tests):
        path, _, test = (
            name.rpartition("::") if "::" in name else (name, "", "") if name.endswith(".py") else ("", "", name)
        )
        if path:
            file = next((ROOT / "tests/edge").rglob(path), None)
        assert file is not None, name
        assert not test or re.search(rf"^def \w*{re.escape(test.lstrip('.'))}\b", file.read_text(), re.MULTILINE), name
