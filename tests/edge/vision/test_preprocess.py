"""The one way from face crop to input tensor."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import Encoder, InputSpec, dequantize, fit, normalize, quantize, to_input


@pytest.mark.parametrize(
    ("shape", "channels"),
    [
        (shape, channels)
        for shape in ((48, 48), (48, 48, 1), (48, 48, 3), (7, 200, 3), (1, 1), (300, 20))
        for channels in ("gray", "rgb")
    ],
)
def test_any_crop_becomes_the_shape_of_the_model(shape: tuple[int, ...], channels: str) -> None:
    spec = InputSpec(48, 40, channels)
    tensor = to_input(np.zeros(shape, np.uint8), spec)
    assert tensor.shape == spec.shape
    assert tensor.dtype == np.float32


@pytest.mark.parametrize(("rgb", "luma"), [((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29), ((9, 9, 9), 9)])
def test_gray_is_the_luma_of_bt601(rgb: tuple[int, int, int], luma: int) -> None:
    assert fit(np.full((4, 4, 3), rgb, np.uint8), InputSpec(4, 4))[0, 0, 0] == luma


def test_shrinking_averages_areas() -> None:
    board = np.indices((8, 8)).sum(axis=0) % 2 * np.uint8(200)
    assert fit(board.astype(np.uint8), InputSpec(4, 4)).tolist() == np.full((4, 4, 1), 100).tolist()


def test_gray_becomes_three_equal_channels() -> None:
    pixels = fit(np.arange(16, dtype=np.uint8).reshape(4, 4), InputSpec(4, 4, "rgb"))
    assert (pixels == pixels[:, :, :1]).all()


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [
        ("unit", 0.0, 1.0),
        ("symmetric", -1.0, 1.0),
        ("raw", 0.0, 255.0),
        ("imagenet", (-2.1179, -2.0357, -1.8044), (2.2489, 2.4286, 2.6400)),
        ("mean=127.5;std=128", -0.99609, 0.99609),
        ("mean=10,20,30; std=5", (-2, -4, -6), (49, 47, 45)),
    ],
)
def test_normalization_maps_black_and_white(name: str, black: object, white: object) -> None:
    spec = InputSpec(2, 2, "rgb", name)
    for level, wanted in ((0, black), (255, white)):
        values = normalize(np.full(spec.shape, level, np.uint8), spec)
        assert values[0, 0] == pytest.approx(np.broadcast_to(wanted, 3), abs=1e-4)


@pytest.mark.parametrize(
    ("face", "sentence"),
    [
        (np.zeros((4, 4), np.float32), "not a face crop"),
        (np.zeros((4, 4, 4), np.uint8), "not a face crop"),
        (np.zeros(4, np.uint8), "not a face crop"),
        (np.zeros((0, 4), np.uint8), "an empty face crop"),
    ],
)
def test_what_is_no_crop_is_refused(face: np.ndarray, sentence: str) -> None:
    with pytest.raises(EdgeemoError, match=sentence):
        fit(face, InputSpec(4, 4))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((48, 48, "bgr"), "unknown channels, expected gray or rgb, got 'bgr'"),
        ((48, 48, "gray", "zscore"), "unknown normalization, expected one of unit"),
        ((48, 48, "gray", "imagenet"), "expected channels 'rgb', got gray"),
        ((0, 48), "input size out of range"),
        ((48, 5000), "input size out of range"),
    ],
)
def test_bad_spec_is_refused(arguments: tuple, sentence: str) -> None:
    with pytest.raises(EdgeemoError, match=sentence):
        InputSpec(*arguments)


@pytest.mark.parametrize(
    ("value", "dtype", "expected"),
    [
        (0.0, np.int8, 3),
        (1.2, np.int8, 5),
        (1.3, np.int8, 6),
        (-1.3, np.int8, 0),
        (-99.0, np.int8, -128),
        (99.0, np.int8, 127),
        (-99.0, np.uint8, 0),
        (99.0, np.uint8, 201),
        (199.0, np.uint8, 255),
    ],
)
def test_quantize_rounds_and_saturates(value: float, dtype: type, expected: int) -> None:
    assert quantize(np.array([value], np.float32), 0.5, 3, dtype).tolist() == [expected]


def test_dequantize_returns_within_half_a_step() -> None:
    values = np.linspace(-1, 1, 101, dtype=np.float32)
    again = dequantize(quantize(values, 2 / 255, 0, np.int8), 2 / 255, 0)
    assert np.abs(again - values).max() <= 1 / 255 + 1e-6


@pytest.mark.parametrize("normalization", ["unit", "symmetric", "raw", "imagenet", "mean=10,20,30; std=5"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_what_is_looked_up_is_what_is_computed(normalization: str, dtype: type[np.generic], channels: str) -> None:
    if channels == "gray" and normalization in ("imagenet", "mean=10,20,30; std=5"):
        normalization = "mean=33.3;std=77.7"
    spec = InputSpec(16, 48, channels, normalization)

    def encode(values: np.ndarray) -> np.ndarray:
        return values if dtype is np.float32 else quantize(values, 0.0137, 3, dtype)

    # Every level in every channel.
    pixels = np.random.default_rng(0).permuted(
        np.repeat(np.arange(256, dtype=np.uint8), 3 * spec.depth).reshape(spec.depth, -1), axis=1
    )
    pixels = np.ascontiguousarray(pixels.T).reshape(spec.shape)
    found = Encoder(spec, encode)(pixels)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, encode(normalize(pixels, spec)))
