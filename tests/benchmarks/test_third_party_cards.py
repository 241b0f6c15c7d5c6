"""The cards of third-party models, and those models where EDGEEMO_PEERS names them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inspection.third_party import describe_tflite
from edgeemo.edge.model.card import card_beside, read_card_file
from edgeemo.edge.model.describe import Description
from edgeemo.train.datasets.labels import CANONICAL
from edgeemo.train.datasets.registry import read_evaluation_set

CARDS = sorted((Path(__file__).parents[2] / "docs" / "third-party").glob("*.card.json"))
MODELS, FER = os.environ.get("EDGEEMO_PEERS", ""), os.environ.get("EDGEEMO_FER2013", "")
SHIPPED = "justinshenk_fer_emotion_model_quantized"


def test_there_are_cards() -> None:
    assert len(CARDS) == 5


@pytest.mark.parametrize("path", CARDS, ids=lambda path: path.name)
def test_a_model_is_fed_as_its_authors_do_and_its_figures_carry_a_warning(path: Path) -> None:
    card = read_card_file(path)
    assert card.labels == CANONICAL
    assert (card.input.channels, card.input.normalization) == ("gray", "symmetric")
    assert card.input.shape == ((48, 48, 1) if "119-0.65" in path.name else (64, 64, 1))
    assert card.license == "MIT"
    assert "its accuracy here flatters it" in card.notes


@pytest.mark.slow
@pytest.mark.skipif(not (MODELS and FER), reason="EDGEEMO_PEERS and EDGEEMO_FER2013 do not name the files")
def test_the_shipped_model_is_as_good_as_is_known(tmp_path: Path) -> None:
    model = tmp_path / f"{SHIPPED}.tflite"
    shutil.copyfile(Path(MODELS, model.name), model)
    card = describe_tflite(model, Description(card=str(next(path for path in CARDS if SHIPPED in path.name))))
    assert card.quantization.method == "dynamic"
    card_beside(model).write_text(card.to_json())
    faces = read_evaluation_set(FER, "test", limit=400)
    found = Classifier.open(model).predict(faces.pixels(card.input))
    # 65 % of all 3,589; any mistake in labels, size or scaling costs 20 points or more.
    assert np.mean(found.argmax(axis=1) == faces.targets) == pytest.approx(0.65, abs=0.08)
