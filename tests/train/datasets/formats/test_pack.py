from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.common.files import sha256_file
from edgeemo.edge.model.card import read_card
from edgeemo.edge.vision.preprocess import InputSpec, fit
from edgeemo.train.commands.data import command
from edgeemo.train.datasets.dataset import Dataset, Sample, pixel_digest
from edgeemo.train.datasets.formats import pack as pack_module
from edgeemo.train.datasets.formats.pack import CONTENTS, fitted, write_pack
from edgeemo.train.datasets.registry import read_dataset, read_evaluation_set

from ....conftest import raises

SOURCE = "synthetic:train=7,test=70,size=24"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(command, ["pack", *(str(argument) for argument in arguments)])


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """21 of 70 synthetic faces."""
    path = tmp_path_factory.mktemp("pack") / "faces.zip"
    result = run(SOURCE, "--limit", "21", "--seed", "3", "--out", path)
    assert result.exit_code == 0, result.output
    return path


def colorful() -> Dataset:
    """Images of several sizes, gray and RGB, with everything that a sample may know."""
    draw = np.random.default_rng(0)
    images = [draw.integers(0, 256, shape, np.uint8) for shape in [(5, 7), (64, 48, 3), (1, 1), (9, 9, 3)]]
    samples = tuple(
        Sample(f"a/{index}.jpg", index % 2, "test", pixel_digest(image), "PublicTest", index, "F01", "HL")
        for index, image in enumerate(images)
    )
    return Dataset("faces", ("sad+fear", "joy/fun"), samples, images)


def test_a_pack_is_the_data_set(tmp_path: Path) -> None:
    before = colorful()
    pack = write_pack(tmp_path / "pack.zip", before, origin="all")
    after = read_dataset(tmp_path / "pack.zip")
    assert (after.name, after.labels, after.samples) == (before.name, before.labels, before.samples)
    assert all((one == other).all() for one, other in zip(before.images, after.images, strict=True))
    assert pack.content_hash == before.content_hash == after.content_hash
    assert after.notes == ("pack.zip: all",)


def test_soft_targets_are_left_out(tmp_path: Path) -> None:
    plain = colorful()
    write_pack(tmp_path / "pack.zip", replace(plain, soft=np.full((4, 2), 0.5, np.float32)), origin="all")
    assert read_dataset(tmp_path / "pack.zip").content_hash == plain.content_hash


def test_images_beyond_memory_are_decoded_when_they_are_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = colorful()
    write_pack(tmp_path / "pack.zip", before, origin="all")
    monkeypatch.setattr(pack_module, "HELD_BYTES", 40)
    after = read_dataset(tmp_path / "pack.zip")
    assert getattr(after.images, "held", None) == 2
    assert all((one == other).all() for one, other in zip(before.images, after.images, strict=True))


def test_the_command_says_what_it_packed(packed: Path, tmp_path: Path) -> None:
    result = run(SOURCE, "--limit", "21", "--seed", "3", "--out", tmp_path / "again.zip", "--json")
    value = json.loads(result.stdout)
    # The same draw gives the same file.
    assert value["sha256"] == sha256_file(packed) == sha256_file(tmp_path / "again.zip")
    assert value["n"] == 21
    assert set(value["counts"]["test"].values()) == {3}
    assert value["content_hash"] == read_dataset(packed).content_hash
    text = run(SOURCE, "--limit", "21", "--out", tmp_path / "other.zip").stdout
    assert f"sha256        {sha256_file(tmp_path / 'other.zip')}" in text
    assert "21 of 70 images, split test, seed 0" in text
    assert sha256_file(tmp_path / "other.zip") != value["sha256"]


def test_the_default_seed_draws_what_limit_draws(tmp_path: Path) -> None:
    run(SOURCE, "--limit", "14", "--out", tmp_path / "pack.zip")
    drawn = read_evaluation_set(SOURCE, "test", limit=14)
    assert read_evaluation_set(tmp_path / "pack.zip", "test").content_hash == drawn.content_hash


def test_fitted_images_are_the_same_to_the_model(tiny_int8: Path, tmp_path: Path) -> None:
    card = read_card(tiny_int8)
    assert card is not None
    result = run(SOURCE, "--model", tiny_int8, "--fit", "--out", tmp_path / "pack.zip")
    assert result.exit_code == 0, result.output
    assert "fitted to 48x48 gray" in result.stdout
    pack, source = read_dataset(tmp_path / "pack.zip"), read_dataset(SOURCE).split("test")
    assert {image.shape for image in pack.images} == {(48, 48)}
    assert (pack.pixels(card.input) == source.pixels(card.input)).all()
    rgb = InputSpec(8, 6, "rgb")
    small = fitted(colorful(), rgb)
    assert all((fit(one, rgb) == fit(two, rgb)).all() for one, two in zip(small.images, colorful().images, strict=True))


def edited(path: Path, target: Path, **changes: Any) -> Path:
    """A copy of a pack with other contents: member -> bytes, or a function of its bytes; None leaves it out."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as archive:
        for member in source.namelist():
            change = changes.get(member, lambda data: data)
            if change is not None:
                archive.writestr(member, change(source.read(member)) if callable(change) else change)
    return target


def contents(**changes: Any) -> dict[str, Callable[[bytes], bytes]]:
    def change(data: bytes) -> bytes:
        return json.dumps({**json.loads(data), **changes}).encode()

    return {CONTENTS: change}


def members(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        return [name for name in archive.namelist() if name.endswith(".png")]


@pytest.mark.parametrize(
    ("harm", "fields"),
    [
        pytest.param(
            lambda path: {members(path)[0]: None}, {"problem": r"not what was packed \(.* is missing\)"}, id="missing"
        ),
        pytest.param(
            lambda path: {members(path)[0]: zipfile.ZipFile(path).read(members(path)[1])},
            {"problem": r"not what was packed \(.* shows something else\)"},
            id="another image",
        ),
        pytest.param(lambda path: {members(path)[0]: b"oops"}, {"problem": "is not an image"}, id="no image"),
        pytest.param(
            lambda path: {CONTENTS: b"{oops"}, {"problem": "table of contents of bad.zip cannot be read"}, id="no JSON"
        ),
        pytest.param(
            lambda path: {CONTENTS: b"[]"}, {"problem": "table of contents of bad.zip cannot be read"}, id="a list"
        ),
        pytest.param(
            lambda path: contents(format=2),
            {"problem": "packed in another format$", "expected": "^format 1", "got": "^2"},
            id="newer",
        ),
        pytest.param(lambda path: contents(samples=[{"file": "x"}]), {"problem": "cannot be read"}, id="short sample"),
        pytest.param(lambda path: contents(samples=[]), {"problem": "its content hash is another"}, id="nothing in it"),
        pytest.param(lambda path: contents(content_hash="00"), {"problem": "its content hash is another"}, id="hash"),
        pytest.param(
            lambda path: contents(labels=["happy"]), {"problem": "a label is not one of its classes"}, id="classes"
        ),
        pytest.param(
            lambda path: contents(labels=["a", "b", "c", "d", "e", "f", "g"]),
            {"problem": "content hash is another"},
            id="names",
        ),
    ],
)
def test_a_pack_that_was_changed_is_refused(
    harm: Callable[[Path], dict[str, Any]], fields: dict[str, str], packed: Path, tmp_path: Path
) -> None:
    bad = edited(packed, tmp_path / "bad.zip", **harm(packed))
    with raises(EdgeemoError, **fields):
        read_dataset(bad)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_pack_that_was_cut_is_refused(share: float, packed: Path, tmp_path: Path) -> None:
    data = packed.read_bytes()
    (tmp_path / "cut.zip").write_bytes(data[: int(share * len(data))])
    with raises(EdgeemoError, problem="is cut or not a zip"):
        read_dataset(tmp_path / "cut.zip")


def test_a_flipped_byte_is_refused(packed: Path, tmp_path: Path) -> None:
    data = bytearray(packed.read_bytes())
    data[200] ^= 255
    (tmp_path / "bad.zip").write_bytes(data)
    with raises(EdgeemoError, problem=r"damaged|not what was packed"):
        read_dataset(tmp_path / "bad.zip")


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        pytest.param([], 2, "Missing option '-o' / '--out'", id="no place"),
        pytest.param(["--out", "faces.pack"], 2, "--out is a .zip", id="no zip"),
        pytest.param(["--out", "x.zip", "--fit"], 2, "--fit needs --model", id="fit alone"),
        pytest.param(["--out", "x.zip", "--split", "exam"], 1, "no images in split 'exam'", id="split"),
        pytest.param(["--out", "x.zip", "--model", "none.tflite"], 1, "none.tflite", id="model"),
        pytest.param(["--out", "there.zip"], 1, "there.zip exists already", id="there"),
        pytest.param(["--out", "x.zip", "--limit", "0"], 2, "--limit", id="limit"),
    ],
)
def test_errors_are_one_sentence(
    arguments: list[str], status: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there.zip").write_text("mine")
    result = run("synthetic:train=1,test=7,size=24", *arguments)
    assert result.exit_code == status, result.output
    assert message in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["there.zip"]
