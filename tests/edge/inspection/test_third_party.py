"""Models that others have made: a card beside the file is enough, and what does not fit is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.common.files import sha256_file
from edgeemo.edge.deployment.bundle import packed_model
from edgeemo.edge.inference.classifier import Classifier, check_card
from edgeemo.edge.inference.interpreter import Tensor
from edgeemo.edge.inference.probabilities import as_probabilities
from edgeemo.edge.inspection.report import Inspection
from edgeemo.edge.inspection.third_party import describe_tflite, method_of
from edgeemo.edge.model.card import ModelCard, card_beside, card_of, read_card
from edgeemo.edge.model.describe import Description
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.tflite.truncate import truncate_model
from edgeemo.edge.vision.preprocess import InputSpec

from ...conftest import raises

LABELS = "angry,disgust,fear,happy,sad,surprise,neutral"
WORDS = ("--labels", LABELS, "--normalization", "unit")


@pytest.fixture
def theirs(tiny_float: Path, tmp_path: Path) -> Path:
    """A float model as people find it: without a card."""
    path = tmp_path / "theirs.tflite"
    path.write_bytes(split_model(tiny_float.read_bytes())[0])
    return path


@pytest.fixture
def logits(theirs: Path) -> Path:
    """The same model without the softmax at its end."""
    graph = read_graph(theirs.read_bytes())
    assert graph.operators[-1].name == "SOFTMAX"
    path = theirs.with_name("logits.tflite")
    path.write_bytes(truncate_model(theirs.read_bytes(), len(graph.operators) - 1))
    return path


def make(model: Path, *words: object) -> Result:
    return CliRunner().invoke(edgeemo, ["models", "card", str(model), *map(str, words)])


def test_a_card_beside_the_model_serves_every_reader(theirs: Path, tiny_float: Path) -> None:
    before = sha256_file(theirs)
    result = make(theirs, *WORDS, "--name", "their net", "--license", "MIT", "--notes", "seen PublicTest")
    assert result.exit_code == 0, result.output
    card = read_card(theirs)
    assert card is not None
    assert (card.name, card.license, card.notes) == ("their net", "MIT", "seen PublicTest")
    assert (card.labels, card.input, card.quantization.method) == (
        tuple(LABELS.split(",")),
        InputSpec(48, 48, "gray", "unit"),
        "float32",
    )
    assert Inspection.of(theirs).card == card
    face = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)
    assert np.array_equal(Classifier.open(theirs).probabilities(face), Classifier.open(tiny_float).probabilities(face))
    # The file is still the one that its authors published.
    assert sha256_file(theirs) == before


def test_a_card_by_hand_is_found_and_named_after_the_model(theirs: Path) -> None:
    size = {"height": 48, "width": 48, "normalization": "mean=127.5;std=127.5"}
    card_beside(theirs).write_text(json.dumps({"labels": LABELS.split(","), "input": size}))
    card = read_card(theirs)
    assert card is not None
    assert card.name == "theirs"
    assert make(theirs, "--card", card_beside(theirs), "--force").exit_code == 0


def test_the_card_inside_goes_before_the_one_beside(tiny_float: Path, theirs: Path) -> None:
    carried = theirs.with_name("carried.tflite")
    carried.write_bytes(tiny_float.read_bytes())
    card_beside(carried).write_text("{")
    assert read_card(carried) == read_card(tiny_float)


def test_a_copy_carries_its_card(theirs: Path) -> None:
    copy = theirs.with_name("copy.tflite")
    assert make(theirs, *WORDS, "--embed", copy).exit_code == 0
    assert not card_beside(theirs).exists()
    assert split_model(copy.read_bytes())[0] == theirs.read_bytes()
    assert read_card(copy) is not None


def test_a_device_gets_the_card_inside_the_model(theirs: Path, tiny_float: Path) -> None:
    assert make(theirs, *WORDS).exit_code == 0
    packed = packed_model(theirs)
    assert card_of(packed, "it") == read_card(theirs)
    assert split_model(packed)[0] == theirs.read_bytes()
    # Whose card is inside goes as it is.
    assert packed_model(tiny_float) == tiny_float.read_bytes()


def test_logits_become_the_probabilities_of_the_softmax(theirs: Path, logits: Path) -> None:
    assert make(theirs, *WORDS).exit_code == 0
    assert make(logits, *WORDS, "--logits").exit_code == 0
    face = np.arange(48 * 48, dtype=np.uint8).reshape(48, 48)
    wanted, found = (Classifier.open(path).probabilities(face) for path in (theirs, logits))
    assert found == pytest.approx(wanted, abs=1e-6)
    assert found.dtype == np.float32


def test_one_logit_is_of_the_second_label() -> None:
    card = ModelCard("m", ("no", "yes"), InputSpec(48, 48), task="binary", logits=True)
    found = as_probabilities(np.array([0.0, np.log(3), -800.0], np.float32)[:, None], card)
    assert found == pytest.approx(np.array([[0.5, 0.5], [0.25, 0.75], [1, 0]]))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "does not say what it was trained for, expected --labels and --normalization"),
        (WORDS[:2], "expected --normalization, or --card FILE; a wrong normalization ruins a model without a word"),
        (("--labels", "a,b", *WORDS[2:]), "contradicts its output, expected labels for 7 outputs, got 2 labels: a, b"),
        (("--labels", "a,a,c,d,e,f,g", *WORDS[2:]), "wrong labels in a model card"),
        ((*WORDS[:3], "scaled"), "unknown normalization, expected one of unit, symmetric, raw, imagenet, or mean=M"),
        ((*WORDS[:3], "mean=1;std=0"), "unknown normalization"),
        ((*WORDS[:3], "mean=1,2,3;std=1"), "normalization 'mean=1,2,3;std=1' does not fit, expected channels 'rgb'"),
        ((*WORDS, "--channels", "rgb"), "contradicts its input, expected 48 x 48 x 1, got 48 x 48 x 3"),
        ((*WORDS, "--logits"), "are probabilities already, expected logits"),
        (("--card", "gone.json"), "gone.json is not there, expected a model card (JSON)"),
    ],
)
def test_what_does_not_fit_is_said(theirs: Path, words: tuple[str, ...], sentence: str) -> None:
    result = make(theirs, *words)
    assert result.exit_code == 1, result.output
    assert sentence in " ".join(result.output.split())
    assert not card_beside(theirs).exists()


def test_answers_that_are_no_probabilities_are_said(logits: Path) -> None:
    result = make(logits, *WORDS)
    assert result.exit_code == 1
    assert "are not probabilities, expected values from 0 to 1 that sum to 1, got values from" in result.output
    assert "--logits" in result.output


def test_nothing_is_overwritten(theirs: Path, tiny_float: Path) -> None:
    card_beside(theirs).write_text("mine")
    assert "exists already" in make(theirs, *WORDS).output
    assert card_beside(theirs).read_text() == "mine"
    assert make(theirs, *WORDS, "--force").exit_code == 0
    assert "carries a card already" in make(tiny_float, *WORDS, "--out", theirs.with_name("x.json")).output


def test_the_method_is_read_from_the_tensors(tiny_float: Path, tiny_int8: Path) -> None:
    methods = [method_of(read_graph(path.read_bytes())) for path in (tiny_float, tiny_int8)]
    assert methods == ["float32", "int8"]


class Held:
    """As much of a loaded model as a card is compared with."""

    path = "theirs.tflite"
    output = Tensor(1, (1, 2), np.dtype(np.float32), 0.0, 0)

    def __init__(self, shape: tuple[int, ...], dtype: type = np.float32) -> None:
        self.input = Tensor(0, shape, np.dtype(dtype), 0.0, 0)


@pytest.mark.parametrize(
    ("shape", "dtype", "sentence"),
    [
        ((1, 1, 48, 48), np.float32, "convert the model with its channels last"),
        ((1, 48, 48, 3), np.float32, "use the card that belongs to this model"),
        ((1, 48, 48, 1), np.uint8, "expected normalization 'raw': the input is uint8 and has no scale, got 'unit'"),
    ],
)
def test_an_input_that_the_card_does_not_fit(shape: tuple[int, ...], dtype: type, sentence: str) -> None:
    with raises(EdgeemoError, problem="contradicts the model's input") as caught:
        check_card(ModelCard("m", ("no", "yes"), InputSpec(48, 48)), Held(shape, dtype))  # type: ignore[arg-type]
    assert sentence in str(caught.value)


@pytest.mark.parametrize("name", ["gone.tflite", "broken.tflite"])
def test_no_model(tmp_path: Path, name: str) -> None:
    (tmp_path / "broken.tflite").write_bytes(b"\x1c\0\0\0TFL3" + b"\xff" * 64)
    with pytest.raises(EdgeemoError, match=f"{name} (is not there|is not a readable TFLite model)"):
        describe_tflite(tmp_path / name, Description(("no", "yes"), "unit"))
