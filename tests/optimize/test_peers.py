"""Models that Keras 2 of 2017 has written, as other people keep them; where EDGEEMO_PEERS names them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.model.describe import Description
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.optimize.float_model import TF_KERAS, open_float_model

PEERS = os.environ.get("EDGEEMO_PEERS", "")
CARDS = Path(__file__).parents[2] / "docs" / "third-party"


@pytest.mark.slow
@pytest.mark.skipif(not PEERS, reason="EDGEEMO_PEERS does not name a folder of models")
@pytest.mark.parametrize("name", ["oarriaga_fer2013_mini_XCEPTION.119-0.65"])
def test_an_old_hdf5_converts_and_answers_the_same(name: str) -> None:
    source = open_float_model(Path(PEERS, f"{name}.hdf5"), Description(card=str(CARDS / f"{name}.card.json")))
    assert source.kind == TF_KERAS
    flatbuffer = source.float_flatbuffer()
    assert not [operator.name for operator in read_graph(flatbuffer).operators if operator.name == "CUSTOM"]
    faces = np.random.default_rng(0).integers(0, 256, (8, *source.card.input.shape), np.uint8)
    wanted, found = source.predictor().predict(faces), Classifier.from_bytes(flatbuffer, source.card).predict(faces)
    assert found == pytest.approx(wanted, abs=1e-4)
