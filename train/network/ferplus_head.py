"""A second head that learns FER+'s distributions of votes from the same features, for training alone.

It is dropped in the finished model: nothing that is converted or deployed ever has it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...edge.common.errors import DataError, RecipeError
from ...edge.common.files import sha256_file
from ..backend import keras
from ..config.sections import Loss
from ..datasets.dataset import Dataset
from ..datasets.ferplus import VOTED, Mode, Votes, read_votes
from ..datasets.selection import Choice

#: Names of the two heads.
EMOTION, VOTES = "emotion", "votes"

#: What the second head tells apart: everything that was voted on but "unknown" and "no face".
VOTED_EMOTIONS = VOTED[:8]

_PARTS = ("Training", "PublicTest", "PrivateTest")


def with_votes_head(model: Any) -> Any:
    """Return the network with a second softmax on the classifier's features.

    Args:
        model: from :func:`edgeemo.train.architectures.build`.

    Returns:
        tf_keras.Model: -> [emotion (batch, outputs), votes (batch, 8)]; it shares the layers of ``model``.
    """
    features = model.get_layer(EMOTION).input
    # In float32 like the classifier, whatever the layers before compute in.
    votes = keras.layers.Dense(len(VOTED_EMOTIONS), activation="softmax", dtype="float32", name=VOTES)(features)
    return keras.Model(model.inputs, [model.output, votes], name=model.name)


def without_votes_head(model: Any) -> Any:
    """Return the network without its second head; ``model`` itself if it has none."""
    if VOTES not in model.output_names:
        return model
    return keras.Model(model.inputs, model.get_layer(EMOTION).output, name=model.name)


def votes_to_learn(settings: Loss, choice: Choice, train: Dataset) -> tuple[np.ndarray | None, dict[str, str]]:
    """Return the targets of the second head, if there is one.

    Args:
        settings: with the weight of the head.
        choice: with the file of the votes.
        train: the training split.

    Returns:
        Shares as from :func:`vote_shares` or None, and the SHA-256 of their file under ``votes``.

    Raises:
        RecipeError: a head without votes, votes for a head that is not there, or votes for other images.
    """
    if not settings.ferplus_head:
        if choice.ferplus and choice.ferplus_mode == Mode.HEAD.value:
            raise RecipeError(
                "the recipe has no second head to learn the FER+ votes",
                hint="give it a weight, as --set loss.ferplus_head=0.4, or choose another --ferplus-mode",
            )
        return None, {}
    if not choice.ferplus:
        raise RecipeError(
            "the recipe has a second head (loss.ferplus_head) but there are no votes for it",
            hint="give --ferplus fer2013new.csv --ferplus-mode head, or --set loss.ferplus_head=0",
        )
    return vote_shares(train, read_votes(choice.ferplus)), {"votes": sha256_file(choice.ferplus)}


def vote_shares(dataset: Dataset, votes: Votes) -> np.ndarray:
    """Return the shares of the votes for every image, joined by its row of fer2013.csv.

    Args:
        dataset: images; some may have no row.
        votes: from :func:`edgeemo.train.datasets.ferplus.read_votes`.

    Returns:
        float32 (n, 8) in the order of :data:`VOTED_EMOTIONS`: rows that sum to 1, or 0 where nobody voted for one of
        these.

    Raises:
        DataError: the table is that of other images, or none has votes.
    """
    counts = votes.counts[:, : len(VOTED_EMOTIONS)]
    totals = counts.sum(axis=1)
    shares = np.zeros((len(dataset), len(VOTED_EMOTIONS)), np.float32)
    for index, sample in enumerate(dataset.samples):
        if sample.row is None or sample.row >= len(totals):
            continue
        if sample.part in _PARTS and sample.part != votes.usages[sample.row]:
            raise DataError(
                f"{votes.name} is not the table of {dataset.name}",
                expected=f"{sample.part} in row {sample.row}",
                got=votes.usages[sample.row] or "nothing",
                hint="give the published fer2013new.csv, and FER-2013 in a form that keeps its rows",
            )
        if totals[sample.row]:
            shares[index] = counts[sample.row] / totals[sample.row]
    if not shares.any():
        raise DataError(
            f"{votes.name} has no votes for the images of {dataset.name}",
            expected="FER-2013 in a form that keeps its rows",
            hint="train without the second head: --set loss.ferplus_head=0",
        )
    return shares
