"""FER+ votes, joined by row."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.ferplus import Mode, read_votes, with_votes
from edgeemo.train.datasets.labels import CANONICAL
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.selection import Choice
from edgeemo.train.datasets.splits import training_data

from ...conftest import raises

if TYPE_CHECKING:
    from .conftest import Forms

HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"
#: FER-2013's label, votes in the order of the header, FER+'s label (or None), shares in canonical order.
ROWS: list[tuple[str, str, str | None, list[float] | None]] = [
    ("happy", "0,10,0,0,0,0,0,0,0,0", "happy", [0, 0, 0, 1, 0, 0, 0]),
    ("angry", "4,0,0,1,3,2,0,0,0,0", "neutral", [0.3, 0.2, 0, 0, 0.1, 0, 0.4]),
    ("fear", "0,0,5,0,0,0,5,0,0,0", None, [0, 0, 0.5, 0, 0, 0.5, 0]),
    ("sad", "1,0,0,3,0,0,0,6,0,0", None, [0, 0, 0, 0, 0.75, 0, 0.25]),
    ("neutral", "2,0,0,2,0,0,0,0,6,0", None, [0, 0, 0, 0, 0.5, 0, 0.5]),
    ("surprise", "0,0,0,0,0,0,0,0,0,10", None, None),
    ("disgust", "0,0,0,0,0,3,0,2,1,1", "disgust", [0, 1, 0, 0, 0, 0, 0]),
    ("happy", "0,4,0,0,0,0,0,4,0,0", None, [0, 0, 0, 1, 0, 0, 0]),
]


def table(path: Path, votes: list[str], usage: str = "Training") -> Path:
    path.write_text("\n".join([HEADER, *(f"{usage},fer{i:07d}.png,{line}" for i, line in enumerate(votes))]) + "\n")
    return path


@pytest.fixture
def fer(forms: Forms) -> Dataset:
    """One image for each of the rows."""
    faces = np.random.default_rng(0).integers(0, 256, (len(ROWS), 48, 48), np.uint8)
    images = [("Training", row[0], face) for row, face in zip(ROWS, faces, strict=True)]
    return read_dataset(type(forms)(forms.root, images).csv())


@pytest.fixture
def votes(tmp_path: Path) -> Path:
    return table(tmp_path / "fer2013new.csv", [row[1] for row in ROWS])


def test_the_majority_is_the_label(fer: Dataset, votes: Path) -> None:
    voted = with_votes(fer, read_votes(votes), Mode.MAJORITY)
    assert {s.row: voted.labels[s.label] for s in voted.samples} == {i: r[2] for i, r in enumerate(ROWS) if r[2]}
    assert voted.soft is None


def test_shares_are_the_soft_target_and_the_label_stays(fer: Dataset, votes: Path) -> None:
    voted = with_votes(fer, read_votes(votes), Mode.PROBABILITY)
    assert voted.soft is not None
    assert voted.soft.dtype == np.float32
    assert voted.soft == pytest.approx(np.array([row[3] for row in ROWS if row[3]]))
    assert [voted.labels[s.label] for s in voted.samples] == [row[0] for row in ROWS if row[3]]


def test_mixed_is_the_mean_of_both(fer: Dataset, votes: Path) -> None:
    voted = with_votes(fer, read_votes(votes), Mode.MIXED)
    one_hot = np.eye(7)[[CANONICAL.index(row[0]) for row in ROWS if row[3]]]
    assert voted.soft == pytest.approx((one_hot + np.array([row[3] for row in ROWS if row[3]])) / 2)


@pytest.mark.parametrize(
    ("mode", "note"),
    [
        (Mode.MAJORITY, "left out 5 of 8 images (train 5): 2 ties, 1 contempt, 1 unknown, 1 NF"),
        (Mode.PROBABILITY, "left out 1 of 8 images (train 1): 1 without a vote for an emotion"),
        (Mode.MIXED, "left out 1 of 8 images (train 1): 1 without a vote for an emotion"),
    ],
)
def test_what_is_left_out_is_counted(fer: Dataset, votes: Path, mode: Mode, note: str) -> None:
    voted = with_votes(fer, read_votes(votes), mode)
    assert voted.notes == (f"FER+ ({mode.value}) {note}",)
    assert voted.name == f"fer2013.csv (FER+ {mode.value})"


def test_rows_join_whatever_the_order(fer: Dataset, votes: Path) -> None:
    shuffled = with_votes(fer.take([6, 0, 1]), read_votes(votes), Mode.MAJORITY)
    assert [shuffled.labels[sample.label] for sample in shuffled.samples] == ["disgust", "happy", "neutral"]


@pytest.mark.parametrize("indices", [[0, 1, 2], [4, 2]])
def test_soft_targets_follow_their_images(fer: Dataset, votes: Path, indices: list[int]) -> None:
    voted = with_votes(fer, read_votes(votes), Mode.PROBABILITY)
    taken = voted.take(indices)
    assert taken.soft == pytest.approx(np.array([ROWS[index][3] for index in indices]))


def test_soft_targets_follow_the_order_of_the_labels(fer: Dataset, votes: Path) -> None:
    voted = with_votes(fer, read_votes(votes), Mode.PROBABILITY)
    turned = voted.relabeled(CANONICAL[::-1])
    assert voted.soft is not None
    assert turned.soft == pytest.approx(voted.soft[:, ::-1])


def test_soft_targets_are_part_of_the_content(fer: Dataset, votes: Path) -> None:
    table_of_votes = read_votes(votes)
    soft, mixed = (with_votes(fer, table_of_votes, mode) for mode in (Mode.PROBABILITY, Mode.MIXED))
    plain = fer.take(range(len(fer))).where(lambda sample: sample.row != 5)
    assert len({soft.content_hash, mixed.content_hash, plain.content_hash}) == 3
    assert soft.take([3, 0, 1, 2, 6, 5, 4]).content_hash == soft.content_hash


def test_soft_targets_of_another_length_are_refused(fer: Dataset) -> None:
    with pytest.raises(ValueError, match="do not fit 8 samples"):
        replace(fer, soft=np.ones((3, 7), np.float32))


def test_validation_is_by_labels_alone(forms: Forms, tmp_path: Path) -> None:
    votes = table(tmp_path / "votes.csv", ["5,5,0,0,0,0,0,0,0,0"] * len(forms.images))
    choice = Choice("neutral,happy,angry", ferplus=str(votes), ferplus_mode="mixed")
    source = read_dataset(forms.folder()).split("train")
    splits = training_data(choice.apply(source), validation=0.25)
    assert splits.validation.soft is None
    assert splits.train.soft is not None
    assert len(splits.train.soft) == len(splits.train) == 9


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (None, {"problem": "votes.csv is not there$", "expected": "^the published fer2013new.csv"}),
        ("", {"problem": "votes.csv is not a table of FER", "got": "^an empty file"}),
        (
            "emotion,pixels,Usage\n3,1 2,Training\n",
            {"problem": "is not a table of FER", "got": "^emotion, pixels, Usage"},
        ),
        (f"{HEADER}\nTraining,a.png,1,2,3\n", {"problem": "votes.csv row 0 has votes that are not numbers"}),
        (f"{HEADER}\nTraining,a.png,1,2,3,x,0,0,0,0,0,0\n", {"problem": "row 0 has votes that are not numbers"}),
        (f"{HEADER}\nTraining,a.png,1,2,3,-1,0,0,0,0,0,0\n", {"problem": "row 0 has votes that are not numbers"}),
        (f"{HEADER}\nTraining,a.png,1,2,3,²,0,0,0,0,0,0\n", {"problem": "row 0 has votes that are not numbers"}),
        (
            f"{HEADER}\nTraining,a.png,9,1,0,0,0,0,0,0,0,0\n",
            {"problem": "has no votes for row 1 of fer2013.csv", "got": "^1 rows"},
        ),
        (
            f"{HEADER}\n" + "PublicTest,a.png,9,1,0,0,0,0,0,0,0,0\n" * 8,
            {"problem": "is not the table of ", "got": "^PublicTest"},
        ),
        (f"{HEADER}\n" + "Training,a.png,0,0,0,0,0,0,0,0,0,9\n" * 8, {"problem": "leaves no image of fer2013.csv"}),
        (b"\xff\xfe\x00", {"problem": "is not a readable CSV"}),
    ],
)
def test_a_table_that_does_not_fit_is_named(
    fer: Dataset, tmp_path: Path, text: str | bytes | None, fields: dict[str, str]
) -> None:
    path = tmp_path / "votes.csv"
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with raises(EdgeemoError, **fields):
        Choice(ferplus=str(path)).apply(fer)


def test_images_without_rows_cannot_be_joined(votes: Path) -> None:
    with raises(EdgeemoError, problem=r"train face 0 has no row of fer2013\.csv"):
        Choice(ferplus=str(votes)).apply(read_dataset("synthetic:train=2,test=0,size=24"))


@pytest.fixture(scope="module")
def published(fer_archive: Path) -> Path:
    return fer_archive.parent / "fer2013new.csv"


@pytest.mark.parametrize(
    ("mode", "kept"), [(Mode.MAJORITY, 32_298 - 2_148), (Mode.PROBABILITY, 32_298 - 162), (Mode.MIXED, 32_298 - 162)]
)
def test_the_published_votes_fit_the_archive(fer2013: Dataset, published: Path, mode: Mode, kept: int) -> None:
    voted = with_votes(fer2013, read_votes(published), mode)
    if mode is Mode.MAJORITY:
        # People who voted and FER-2013's search words agree on about two of three images.
        before = {sample.row: sample.label for sample in fer2013.samples}
        agreement = np.mean([before[sample.row] == sample.label for sample in voted.samples])
        assert 0.60 < agreement < 0.75
        assert voted.counts["test"]["neutral"] > fer2013.counts["test"]["neutral"]
    else:
        assert voted.soft is not None
        assert voted.soft.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert len(voted) == kept
