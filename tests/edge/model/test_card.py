"""The card inside a model."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from edgeemo.edge.common.errors import EdgeemoError, ModelError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.model.card import ModelCard, card_of, read_card, shown, with_card, write_model
from edgeemo.edge.model.zoo import find_model
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.vision.preprocess import InputSpec

from ...conftest import raises

CARD = ModelCard(name="m", labels=("no", "yes"), input=InputSpec(48, 48))


def test_card_comes_back_as_it_was(tiny_int8: Path) -> None:
    card = CARD.with_metric("accuracy", {"value": 0.5, "n": 10})
    assert card_of(with_card(tiny_int8.read_bytes(), card), "it") == card


def test_card_is_readable_with_zipfile_alone(tiny_int8: Path) -> None:
    with zipfile.ZipFile(tiny_int8) as archive:
        assert archive.read("labels.txt").decode().split()[0] == "angry"
        assert json.loads(archive.read("edgeemo.json"))["schema"] == 1


def test_the_labels_are_readable_without_unpacking_and_the_card_is_packed(tiny_int8: Path) -> None:
    data = with_card(tiny_int8.read_bytes(), read_card(tiny_int8))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        labels, card = archive.getinfo("labels.txt"), archive.getinfo("edgeemo.json")
    assert labels.compress_type == zipfile.ZIP_STORED
    assert b"angry\n" in data
    assert card.compress_size < 0.7 * card.file_size


def test_a_damaged_card_is_no_missing_card(tiny_int8: Path) -> None:
    data = bytearray(with_card(tiny_int8.read_bytes(), read_card(tiny_int8)))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        card = archive.getinfo("edgeemo.json")
    middle = card.header_offset + 30 + len("edgeemo.json") + card.compress_size // 2
    data[middle : middle + 8] = bytes(8)
    with raises(EdgeemoError, problem=r"^the card in net.tflite is damaged \(.+\)$", hint="^copy or convert"):
        card_of(bytes(data), "net.tflite")


def test_a_card_that_would_fill_the_memory_is_not_unpacked(tiny_int8: Path) -> None:
    stream = io.BytesIO(split_model(tiny_int8.read_bytes())[0])
    with zipfile.ZipFile(stream, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("edgeemo.json", " " * (64 << 20))
    assert len(stream.getvalue()) < 1 << 20
    with raises(
        EdgeemoError, problem="the card in net.tflite is too large", expected="^at most 1,048,576 bytes", got="^67"
    ):
        card_of(stream.getvalue(), "net.tflite")


def test_new_card_replaces_the_old(tiny_int8: Path) -> None:
    data = tiny_int8.read_bytes()
    once, twice = with_card(data, CARD), with_card(with_card(data, replace(CARD, notes="long " * 99)), CARD)
    assert once == twice


def test_model_bytes_are_untouched(tiny_int8: Path) -> None:
    data = tiny_int8.read_bytes()
    assert split_model(with_card(data, CARD))[0] == split_model(data)[0]


def test_model_with_a_card_loads(tiny_int8: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "m.tflite", tiny_int8.read_bytes(), CARD)
    assert load(tmp_path / "m.tflite").input.shape == (1, 48, 48, 1)


def test_model_without_a_card_has_none_and_says_so(tiny_int8: Path, tmp_path: Path) -> None:
    path = tmp_path / "bare.tflite"
    path.write_bytes(split_model(tiny_int8.read_bytes())[0])
    assert read_card(path) is None
    with raises(EdgeemoError, problem=r"bare\.tflite has no model card", hint="--card"):
        Classifier.open(path)


@pytest.mark.parametrize("name", ["edgeemo-face", "edgeemo-face-check"])
def test_networks_of_the_face_detector_are_no_classifiers(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        Classifier.open(find_model(name))
    assert "does not classify faces" in caught.value.problem


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        (
            {"labels": ("a", "b", "c")},
            {"problem": "contradicts the model's output", "expected": "^3 outputs", "got": "^7"},
        ),
        (
            {"task": "binary", "labels": ("a", "b")},
            {"problem": "contradicts the model's output", "expected": "^1 outputs", "got": "^7"},
        ),
        (
            {"input": InputSpec(64, 64)},
            {"problem": "contradicts the model's input", "expected": r"^\(1, 64, 64, 1\)", "got": r"^\(1, 48, 48, 1\)"},
        ),
        ({"input": InputSpec(48, 48, "rgb")}, {"expected": r"^\(1, 48, 48, 3\) by the card"}),
    ],
)
def test_a_contradiction_is_named(tiny_int8: Path, changes: dict, fields: dict[str, str]) -> None:
    card = read_card(tiny_int8)
    assert card is not None
    with raises(EdgeemoError, **fields):
        Classifier.open(tiny_int8, card=replace(card, **changes))


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {"problem": "^c.json is not JSON"}),
        ("{", {"problem": "^c.json is not JSON"}),
        ("[]", {"problem": "^c.json is not an edgeemo model card"}),
        ('{"labels": ["a", "b"]}', {"problem": "^c.json is not an edgeemo model card"}),
        (
            '{"labels": ["a", "b"], "input": {"height": 48, "width": 48}}',
            {
                "problem": "^c.json does not say how pixels become values$",
                "expected": "^input.normalization: unit, symmetric",
            },
        ),
        ('{"labels": ["a", "b"], "input": {"height": 48, NORM}}', {"problem": "^c.json is not a valid model card"}),
        (
            '{"labels": ["a", "b"], "input": {"height": "48", "width": 48, NORM}}',
            {"problem": "^c.json is not a valid model card"},
        ),
        ('{"labels": 7, "input": {"height": 48, "width": 48, NORM}}', {"problem": "^c.json is not a valid model card"}),
        ('{"labels": ["a", "b"], "input": 48}', {"problem": "^c.json is not a valid model card"}),
        (
            '{"labels": ["a", "b"], "input": {"height": 48, "width": 48}, "color": 1}',
            {
                "problem": r"^c.json says something that this version of edgeemo does not know \(color\)$",
                "hint": "^update edgeemo",
            },
        ),
        (
            '{"schema": 99, "labels": ["a", "b"], "input": {}}',
            {"problem": "^c.json has another format$", "expected": "^schema 2", "got": "^99"},
        ),
        (
            '{"labels": ["a", "b"], "input": {"height": 48, "width": 48, NORM}, "margin": 9}',
            {"problem": "^wrong margin in a model card$", "expected": "^-0.5 to 2", "got": "^9"},
        ),
        (
            '{"labels": ["a", "b"], "input": {"height": 48, "width": 48, NORM}, "margin": "9"}',
            {"problem": "^c.json is not a valid model card"},
        ),
        (
            '{"labels": ["a", "a"], "input": {"height": 48, "width": 48, NORM}}',
            {"problem": "^wrong labels in a model card"},
        ),
        (
            '{"labels": ["a", "b"], "input": {"height": 48, "width": 48, NORM}, "task": "x"}',
            {"problem": "^wrong task in a model card"},
        ),
    ],
)
def test_a_bad_card_is_refused(text: str, fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        ModelCard.from_json(text.replace("NORM", '"normalization": "unit"'), "c.json")


def test_shortest_card_is_enough() -> None:
    size = '{"height": 48, "width": 48, "normalization": "unit"}'
    card = ModelCard.from_json(f'{{"labels": ["a", "b"], "input": {size}}}', "folder/mine.json")
    assert card == ModelCard("mine", ("a", "b"), InputSpec(48, 48))


def test_a_field_is_read_checked_and_printed_by_its_declaration() -> None:
    @dataclass(frozen=True)
    class Signed(ModelCard):
        signer: str = field(
            default="", metadata=shown(105, "signed", lambda card: card.signer, fits=str.istitle, expected="a name")
        )

    value = {**CARD.to_dict(), "signer": "Ada"}
    card = Signed.from_dict(value)
    assert card.to_dict() == value
    names = [name for name, _ in card.rows()]
    assert names[names.index("license") :] == ["license", "signed", "use", "notes"]
    with pytest.raises(ModelError) as caught:
        Signed.from_dict({**value, "signer": "ada"})
    assert (caught.value.expected, caught.value.got) == ("a name", "'ada'")


def test_the_rows_of_a_card_are_in_order() -> None:
    names = [name for name, _ in replace(CARD, metrics={"test": {}}).rows()]
    first = ["name", "labels", "task", "input", "quantization", "architecture", "data", "test", "recall", "versions"]
    assert names == [*first, "license", "use", "notes"]
