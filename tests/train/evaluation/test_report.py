"""The report of an evaluation: its figures, its files and its page."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.model.card import ModelCard
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.datasets.dataset import Dataset, Sample
from edgeemo.train.evaluation import report as module
from edgeemo.train.evaluation.report import Report

HISTORY = [
    {"epoch": epoch, "loss": 1 / epoch, "accuracy": 0.5, "val_loss": 1.0, "val_accuracy": 0.5} for epoch in (1.0, 2.0)
]
ALWAYS = {"metrics.json", "report.html", "confusion.png", "confusion_normalized.png", "reliability.png"}


def report(
    targets: list[int],
    probabilities: list[list[float]],
    *,
    labels: tuple[str, ...] = ("a", "b", "c"),
    history: list[dict[str, float]] | None = None,
    channels: str = "gray",
) -> Report:
    samples = tuple(Sample(f"{index}.png", label, "test", str(index)) for index, label in enumerate(targets))
    images = [np.full((6, 5), 40 * index, np.uint8) for index in range(len(targets))]
    dataset = Dataset("<drawn>", labels, samples, images)
    card = ModelCard("tiny", labels, InputSpec(height=8, width=8, channels=channels))
    card = card.with_metric("float32 validation", {"correct": 3, "n": 4, "accuracy": 0.75})
    return Report.of("tiny.tflite", card, dataset, np.array(probabilities), split="test", history=history or ())


THREE = ([0, 0, 1, 2], [[0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.4, 0.2, 0.4], [0.2, 0.1, 0.7]])
TWO = ([0, 0, 1, 1], [[0.9, 0.1], [0.6, 0.4], [0.65, 0.35], [0.2, 0.8]])


@pytest.mark.parametrize(
    ("made", "more"),
    [
        (report(*THREE), {"roc.png", "mistakes.png"}),
        (report(*THREE, history=HISTORY), {"roc.png", "mistakes.png", "curves.png"}),
        (report(*THREE, channels="rgb"), {"roc.png", "mistakes.png"}),
        (report(*TWO, labels=("no", "yes")), {"roc.png", "mistakes.png", "precision_recall.png"}),
        (report([0, 1, 2], np.eye(3).tolist()), {"roc.png"}),
        (report([1, 1], [[0.2, 0.8], [0.1, 0.9]], labels=("no", "yes")), set()),
        (report([1, 1], [[0.2, 0.8, 0], [0.6, 0.4, 0]]), {"mistakes.png"}),
        (report([2], [[0.2, 0.1, 0.7]]), set()),
    ],
    ids=["three", "run", "rgb", "two", "no mistakes", "one class of two", "one class of three", "one image"],
)
def test_the_files_are_whole_and_all_plots_are_on_the_page(made: Report, more: set[str], tmp_path: Path) -> None:
    made.write(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == ALWAYS | more
    assert json.loads((tmp_path / "metrics.json").read_text()) == made.to_dict()
    carried = re.findall(r'src="data:image/png;base64,([^"]+)"', (tmp_path / "report.html").read_text())
    assert {base64.b64decode(data) for data in carried} == {path.read_bytes() for path in tmp_path.glob("*.png")}


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    report(*THREE).write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert not re.search(r"(?:src|href)=\"(?!data:)|https?://|@import|url\(", page)
    assert "Evaluation of tiny on &lt;drawn&gt;, test" in page


@pytest.mark.parametrize(
    "text",
    [
        "50.00% [15.00%, 85.00%], n = 4 (95 % CI)",  # Wilson: (0.5 + z2/8 +- z sqrt(1/16 + z2/64)) / (1 + z2/4)
        "75.00% [30.06%, 95.44%], n = 4",  # on the card
        "50.00% [9.45%, 90.55%], n = 2",  # recall of a
        "0.694 (one-vs-rest, macro over 3 of 3 classes)",
        "The 2 surest of 2 wrong answers",
    ],
)
def test_accuracies_have_their_n_and_interval(text: str, tmp_path: Path) -> None:
    report(*THREE).write(tmp_path)
    assert text in (tmp_path / "report.html").read_text()


def test_absent_classes_are_said(tmp_path: Path) -> None:
    made = report([0, 0, 1], [[0.6, 0.3, 0.1], [0.3, 0.5, 0.2], [0.1, 0.7, 0.2]])
    made.write(tmp_path)
    page = (tmp_path / "report.html").read_text()
    assert "No images of c: the macro averages" in page
    assert "macro over a, b; undefined for c (no images)" in page
    assert "no images of c: 0 in the macro averages above" in str(made)
    figures = made.to_dict()
    assert (figures["absent"], figures["recall_ci95"]["c"], figures["roc_auc"]["per_class"]["c"]) == (["c"], None, None)


def test_json_is_strict_json() -> None:
    figures = report([1, 1], [[0.2, 0.8, 0], [0.6, 0.4, 0]]).to_dict()
    assert json.loads(json.dumps(figures, allow_nan=False)) == figures


def test_two_classes_have_one_positive() -> None:
    made = report(*TWO, labels=("no", "yes"))
    figures = made.to_dict()
    assert figures["roc_auc"] == {"positive": "yes", "value": 0.75, "undefined": {}}
    assert figures["average_precision"]["value"] == pytest.approx(1 / 2 + 1 / 2 * 2 / 3)
    assert "ROC-AUC 0.750, average precision 0.833 (yes is positive)" in str(made)


def test_the_grid_shows_the_mistaken_images_as_the_model_saw_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr(module, "plot_mistakes", lambda images, mistakes, path, **_: drawn.append(images))
    monkeypatch.setattr(module.Page, "image", lambda *_: None)
    report(*THREE).write(tmp_path)
    # Image 1 (0.5 for b) is surer than image 2 (0.4 for a).
    assert [(pixels.shape, int(pixels.mean())) for pixels in drawn[0]] == [((8, 8, 1), 40), ((8, 8, 1), 80)]


def test_a_page_that_cannot_be_made_leaves_no_half_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    (tmp_path / "report.html").write_text("the old one")
    monkeypatch.setattr(module, "plot_reliability", fail)
    with pytest.raises(KeyboardInterrupt):
        report(*THREE).write(tmp_path)
    assert (tmp_path / "report.html").read_text() == "the old one"
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
