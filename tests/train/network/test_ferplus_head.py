"""The second head: what it learns from, what it may not weigh, and that it is gone in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.architectures import build
from edgeemo.train.config.sections import Augmentation, Loss
from edgeemo.train.datasets.dataset import Dataset
from edgeemo.train.datasets.ferplus import VOTED, Votes
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.selection import Choice
from edgeemo.train.inputs.batches import Batches, BatchOptions
from edgeemo.train.network.ferplus_head import (
    VOTED_EMOTIONS,
    vote_shares,
    votes_to_learn,
    with_votes_head,
    without_votes_head,
)

SPEC = InputSpec(24, 24)


@pytest.fixture(scope="module")
def faces() -> Dataset:
    """Rows 0 to 3 of FER-2013, and an image that has none."""
    faces = read_dataset("synthetic:train=5,test=0,size=24")
    rows = (0, 1, 2, 3, None)
    samples = (replace(s, row=row, part="Training") for s, row in zip(faces.samples, rows, strict=True))
    return replace(faces, samples=tuple(samples))


def table(*rows: dict[str, int], usage: str = "Training") -> Votes:
    counts = np.array([[row.get(name, 0) for name in VOTED] for row in rows], np.int64).reshape(-1, len(VOTED))
    return Votes("votes.csv", (usage,) * len(rows), counts)


def test_eight_emotions_are_told_apart() -> None:
    assert VOTED_EMOTIONS[0] == "neutral"
    assert VOTED_EMOTIONS[-1] == "contempt"
    assert len(VOTED_EMOTIONS) == 8


def test_shares_are_joined_by_row(faces: Dataset) -> None:
    votes = table({"neutral": 5, "contempt": 5}, {"sadness": 4, "unknown": 6}, {"NF": 10})
    shares = vote_shares(faces, votes)
    expected = np.zeros((5, 8))
    expected[0, [0, 7]] = 0.5
    expected[1, 3] = 1
    # Nobody saw an emotion in row 2, the table ends before row 3, and the last image has no row.
    assert np.array_equal(shares, expected)
    assert shares.dtype == np.float32


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        (
            table({"fear": 1}, usage="PublicTest"),
            "is not the table of synthetic, expected Training in row 0, got PublicT",
        ),
        (table(), "has no votes for the images of synthetic"),
        (table({"unknown": 10}), "has no votes for the images of synthetic"),
    ],
)
def test_another_table_is_refused(faces: Dataset, votes: Votes, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        vote_shares(faces, votes)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("weight", "choice", "sentence"),
    [
        (0.4, Choice(), "has a second head (loss.ferplus_head) but there are no votes for it; give --ferplus"),
        (0.0, Choice(ferplus="votes.csv", ferplus_mode="head"), "no second head to learn the FER+ votes; give it a we"),
        (0.4, Choice(ferplus="nowhere.csv", ferplus_mode="head"), "nowhere.csv is not there"),
    ],
)
def test_head_and_votes_need_each_other(faces: Dataset, weight: float, choice: Choice, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        votes_to_learn(Loss(ferplus_head=weight), choice, faces)
    assert sentence in str(caught.value)


@pytest.mark.parametrize("choice", [Choice(), Choice(ferplus="votes.csv", ferplus_mode="majority")])
def test_without_a_head_no_votes_are_read(faces: Dataset, choice: Choice) -> None:
    assert votes_to_learn(Loss(), choice, faces) == (None, {})


def test_the_votes_leave_labels_alone(fer_with_votes: tuple[Path, Path]) -> None:
    data, votes = fer_with_votes
    plain = read_dataset(data)
    assert Choice(ferplus=str(votes), ferplus_mode="head").apply(plain) is plain
    shares, hashes = votes_to_learn(Loss(ferplus_head=0.4), Choice(ferplus=str(votes), ferplus_mode="head"), plain)
    assert shares is not None
    assert np.array_equal(shares.any(axis=1), [(sample.row or 0) % 10 != 9 for sample in plain.samples])
    assert len(hashes["votes"]) == 64


def test_images_without_votes_weigh_nothing(faces: Dataset) -> None:
    shares = vote_shares(faces, table({"fear": 2}, {"anger": 1, "NF": 1}))
    ((inputs, targets, weights),) = Batches(faces, SPEC, 8, votes=shares).epoch()
    assert np.array_equal(targets["votes"], shares)
    assert weights["votes"].tolist() == [1, 1, 0, 0, 0]
    assert weights["emotion"].tolist() == [1] * 5
    assert np.array_equal(targets["emotion"].argmax(axis=1), faces.targets)
    ((through, heads, _),) = Batches(faces, SPEC, 8, votes=shares).dataset()
    assert np.array_equal(through.numpy(), inputs)
    assert np.array_equal(heads["votes"].numpy(), shares)


def test_mixup_blends_both_heads_alike(faces: Dataset) -> None:
    shares = np.eye(8, dtype=np.float32)[faces.targets]
    batches = Batches(faces, SPEC, 8, BatchOptions(augmentation=Augmentation(mixup=1.0), seed=2), votes=shares)
    ((_, targets, weights),) = batches.epoch()
    np.testing.assert_allclose(targets["emotion"], targets["votes"][:, :7], atol=1e-6)
    assert np.array_equal(weights["emotion"], weights["votes"])


@pytest.mark.parametrize("outputs", [7, 1])
def test_the_head_is_put_on_and_dropped(outputs: int) -> None:
    options = {"stem": [4, 4], "widths": [4], "strides": [1]}
    plain = build("residual", SPEC, outputs, options=options)
    faces = np.random.default_rng(0).random((2, 24, 24, 1), np.float32)
    both = with_votes_head(plain)
    emotion, votes = both(faces)
    assert votes.shape == (2, 8)
    np.testing.assert_allclose(votes.numpy().sum(axis=1), 1, rtol=1e-5)
    dropped = without_votes_head(both)
    assert dropped.count_params() == plain.count_params()
    assert np.array_equal(dropped(faces).numpy(), emotion.numpy())
    assert without_votes_head(dropped) is dropped
