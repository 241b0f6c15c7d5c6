"""`edgeemo demo` as a newcomer meets it: a process of its own, in an empty folder."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgeemo.edge.model.card import read_card

pytestmark = pytest.mark.slow
FIVE_MINUTES = 300


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, float]:
    folder = tmp_path_factory.mktemp("demo")
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "edgeemo", "demo", "--out", "out"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder / "out", done.stdout, time.monotonic() - began


def test_it_takes_less_than_five_minutes(demo: tuple[Path, str, float]) -> None:
    assert demo[2] < FIVE_MINUTES


def test_the_summary_fits_one_screen(demo: tuple[Path, str, float]) -> None:
    lines = demo[1].splitlines()
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 110


@pytest.mark.parametrize("method", ["int8", "qat"])
def test_both_ways_of_quantizing_keep_the_accuracy(demo: tuple[Path, str, float], method: str) -> None:
    card = read_card(demo[0] / f"demo-{method}.tflite")
    assert card is not None
    assert card.quantization.method == method
    assert card.metrics[f"{method} validation"]["accuracy"] > 0.6
    assert "synthetic faces" in card.notes


def test_the_classifier_follows_the_moving_face(demo: tuple[Path, str, float]) -> None:
    events = [json.loads(line) for line in (demo[0] / "events.jsonl").read_text().splitlines()]
    assert len(events) == 140
    assert sum(bool(event["faces"]) for event in events) > 100
    right = re.search(r"emotion right in (\d+)%", demo[1])
    assert right is not None
    assert int(right[1]) > 50


def test_the_report_stands_alone(demo: tuple[Path, str, float]) -> None:
    page = (demo[0] / "index.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert not re.search(r'(src|href)="(?!data:)', page)


def test_a_second_demo_overwrites_nothing_unasked(demo: tuple[Path, str, float]) -> None:
    before = {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")}
    again = subprocess.run(
        [sys.executable, "-m", "edgeemo", "demo", "--out", str(demo[0])], capture_output=True, text=True, check=False
    )
    assert again.returncode == 1
    assert "exists and is not empty" in again.stderr
    assert {path: path.stat().st_mtime_ns for path in demo[0].rglob("*")} == before
