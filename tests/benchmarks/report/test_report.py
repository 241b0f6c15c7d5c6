from __future__ import annotations

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from edgeemo.benchmarks.record import Stages, write_records
from edgeemo.benchmarks.report.report import write_report
from edgeemo.edge.common.errors import EdgeemoError

from ...conftest import raises
from ..samples import PROFILE, run, sample

FRAME = Stages(0.1, 0.2, 0.01, (90, 90, 3), decode=2.0, detect=30.0, total=33.0, frames=100, faces=1.2)
FIRST = sample(name="float <b>", quantization="float32", ratio=None, p50_ms=0.6, stages=FRAME)
SECOND = sample(name="int8", stages=replace(FRAME, invoke=0.1))


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages without images, which take most of the time."""
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)


def page_of(records: list[object], folder: Path) -> str:
    write_report(records, folder / "page.html")  # type: ignore[arg-type]
    return (folder / "page.html").read_text()


def test_the_page_has_every_image_inside_and_needs_no_network(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    text = page_of([FIRST, SECOND], tmp_path)
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", text)
    assert [caption.split()[:3] for caption in captions] == [
        ["Accuracy", "against", "median"],
        ["Accuracy", "against", "size"],
        ["Accuracy", "against", "multiply-accumulates"],
        ["How", "the", "latencies"],
        ["Stages", "of", "a"],
        ["Latency", "over", "time:"],
    ]
    assert text.count("data:image/png;base64,iVBOR") == 6
    assert "://" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


@pytest.mark.usefixtures("plain")
def test_the_figures_are_in_the_page(tmp_path: Path) -> None:
    text = page_of([FIRST, SECOND], tmp_path)
    for figure in ("0.159", "60.0% [55.6, 64.2]", "22.1", "<td class=n>33.0</td>", "temperature 50 to 52 C"):
        assert figure in text
    assert "Medians of 100 frames, 1.2 faces in each." in text
    assert "Change of latency over the sustained run" in text
    assert "float &lt;b&gt;" in text
    HTMLParser().feed(text)


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("unreliable", "sentence"),
    [
        pytest.param((), None, id="none"),
        pytest.param((1,), "1 of 2 models are unreliable, do not quote them: too hot.", id="one"),
        pytest.param((0, 1), "All figures are unreliable, do not quote them: too hot.", id="all"),
    ],
)
def test_unreliable_records_are_named_first(tmp_path: Path, unreliable: tuple[int, ...], sentence: str | None) -> None:
    records = [
        replace(record, reasons=("too hot",) if index in unreliable else ())
        for index, record in enumerate((FIRST, SECOND))
    ]
    text = page_of(records, tmp_path)
    assert ("class=note" in text) == bool(sentence)
    if sentence:
        assert sentence in text
        assert text.index(sentence) < text.index("<table>")


@pytest.mark.usefixtures("plain")
def test_runs_are_shown_apart(tmp_path: Path) -> None:
    text = page_of([FIRST, replace(FIRST, run="another", created="2026-01-02T00:00:00+00:00")], tmp_path)
    assert "Raspberry Pi 5, 4 cores, 2026-01-01" in text
    assert "Raspberry Pi 5, 4 cores, 2026-01-02" in text


def test_sparse_records_have_a_page_too(tmp_path: Path) -> None:
    sparse = sample(accuracy=None, ratio=None, stages=None, macs=None, p50_ms=None, p90_ms=None, histogram=None)
    assert "model.tflite" not in page_of([replace(sparse, rounds_at_s=(), trace=None, trend=None)], tmp_path)


@pytest.mark.usefixtures("plain")
def test_without_matplotlib_the_page_says_what_it_lacks(tmp_path: Path) -> None:
    text = page_of([FIRST], tmp_path)
    assert "There are no images" in text
    assert "edgeemo[evaluate]" in text


def test_markdown_has_its_images_beside_it(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    records = [FIRST, replace(SECOND, notes="seen | PublicTest")]
    write_report(
        records, tmp_path / "docs" / "page.md", profiles=[PROFILE], title="Ours", introduction="By hand.", suffix=".svg"
    )
    text = (tmp_path / "docs" / "page.md").read_text()
    assert text.startswith("# Ours\n\nBy hand.\n\n")
    links = re.findall(r"!\[.*?\]\((.*?)\)", text)
    names = [
        "accuracy-latency",
        "accuracy-size",
        "accuracy-macs",
        "histogram",
        "stages",
        "latency-over-time",
        "operators-1",
    ]
    assert links == [f"page/{name}.svg" for name in names]
    assert sorted(path.name for path in (tmp_path / "docs" / "page").iterdir()) == sorted(
        f"{name}.svg" for name in names
    )
    assert "| float \\<b\\> | float32 |" in text
    assert "- int8: seen \\| PublicTest" in text
    assert "| 0 CONV\\_2D | 24 x 24 x 8 | 1.00 | 0.0800 | 0.0700 to 0.0900 | 80.0% |" in text


@pytest.mark.usefixtures("plain")
def test_an_unreliable_profile_is_marked_first(tmp_path: Path) -> None:
    write_report([FIRST], tmp_path / "page.md", profiles=[replace(PROFILE, reasons=("too hot",))])
    text = (tmp_path / "page.md").read_text()
    assert "## Operators of net\n\n> **Unreliable, do not quote it: too hot.**" in text


@pytest.mark.parametrize(
    ("name", "images", "sentence"),
    [
        ("page.pdf", "", "unknown format of a report, expected .html or .md, got '.pdf'"),
        ("page.md", ".bmp", "unknown image format, expected .png or .svg, got '.bmp'"),
    ],
)
def test_a_format_that_there_is_not(tmp_path: Path, name: str, images: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError, match=re.escape(sentence)):
        write_report([FIRST], tmp_path / name, suffix=images)
    assert not list(tmp_path.iterdir())


def test_nothing_to_report(tmp_path: Path) -> None:
    with raises(EdgeemoError, problem="nothing to report"):
        write_report([], tmp_path / "page.html")


@pytest.mark.usefixtures("plain")
def test_the_command_reads_several_files_and_overwrites_nothing(tmp_path: Path) -> None:
    write_records(tmp_path / "a.jsonl", [FIRST])
    write_records(tmp_path / "b.jsonl", [replace(SECOND, run="another")])
    out = tmp_path / "page.html"
    arguments = ["report", str(tmp_path / "a.jsonl"), str(tmp_path / "b.jsonl"), "--out", str(out)]
    assert run(*arguments).exit_code == 0
    assert out.read_text().count("<h2>Raspberry Pi 5") == 2
    again = run(*arguments)
    assert again.exit_code == 1
    assert "exists already" in again.stderr
    assert run(*arguments, "--force").exit_code == 0
