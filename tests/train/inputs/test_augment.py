"""Random changes of training images."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.train.config.recipe import Augmentation
from edgeemo.train.inputs.augment import augment

ALL = Augmentation(rotation=10, scale=0.1, shift=0.1, flip=True, contrast=0.3, brightness=0.1, erase=0.5)


def noise(n: int = 8, side: int = 24, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side, side, channels), np.uint8)


def changed(pixels: np.ndarray, settings: Augmentation, seed: int = 0) -> np.ndarray:
    return augment(pixels, settings, np.random.default_rng(seed))


def smooth(n: int = 64, side: int = 24) -> np.ndarray:
    """A ramp from left to right, which shows where a pixel has gone."""
    ramp = np.linspace(20, 200, side, dtype=np.uint8)
    return np.broadcast_to(ramp[None, None, :, None], (n, side, side, 1)).copy()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_defaults_change_nothing(channels: int) -> None:
    assert np.array_equal(changed(noise(channels=channels), Augmentation()), noise(channels=channels))


@pytest.mark.parametrize("channels", [1, 3])
def test_shape_and_type_stay(channels: int) -> None:
    out = changed(noise(channels=channels), ALL)
    assert (out.shape, out.dtype) == ((8, 24, 24, channels), np.uint8)


def test_the_images_given_stay() -> None:
    pixels = noise()
    changed(pixels, ALL)
    assert np.array_equal(pixels, noise())


def test_the_generator_decides() -> None:
    outs = [changed(noise(), ALL, seed) for seed in (1, 1, 2)]
    assert np.array_equal(outs[0], outs[1])
    assert not np.array_equal(outs[0], outs[2])


@pytest.mark.parametrize("channels", [1, 3])
def test_flip_mirrors_about_half_of_the_images_and_nothing_else(channels: int) -> None:
    pixels = noise(200, channels=channels)
    out = changed(pixels, Augmentation(flip=True))
    same = (out == pixels).all(axis=(1, 2, 3))
    mirrored = (out == pixels[:, :, ::-1]).all(axis=(1, 2, 3))
    assert (same | mirrored).all()
    assert 70 < mirrored.sum() < 130


def test_shift_moves_by_its_fraction_at_most() -> None:
    # The slope is 180 gray levels over 23 pixels; 0.125 of 24 pixels are 3.
    moved = changed(smooth(), Augmentation(shift=0.125))[:, 12, 12, 0] - smooth()[0, 12, 12, 0].astype(float)
    assert 15 < np.abs(moved).max() <= 3 * 180 / 23 + 1


def test_scale_keeps_the_middle_and_stretches_the_rest() -> None:
    pixels = smooth(side=25).astype(float)
    out = changed(smooth(side=25), Augmentation(scale=0.2)).astype(float)
    slope = (out[:, 12, 16, 0] - out[:, 12, 8, 0]) / (pixels[:, 12, 16, 0] - pixels[:, 12, 8, 0])
    assert np.abs(out[:, 12, 12, 0] - out[0, 12, 12, 0]).max() <= 1
    # 1 / 1.2 to 1 / 0.8, within the rounding of a gray level.
    assert 0.81 < slope.min() < 0.9 < 1.1 < slope.max() < 1.27


def test_rotation_turns_by_its_angle_at_most() -> None:
    out = changed(smooth(side=25), Augmentation(rotation=30)).astype(float)
    across = out[:, 12, 16, 0] - out[:, 12, 8, 0]
    down = out[:, 16, 12, 0] - out[:, 8, 12, 0]
    angle = np.rad2deg(np.arctan2(down, across))
    assert 24 < np.abs(angle).max() < 32
    assert angle.min() < -10 < 10 < angle.max()


def test_a_mirrored_image_is_turned_and_not_sheared() -> None:
    across, settings = smooth(side=25), Augmentation(rotation=30, flip=True)

    def slopes(pixels: np.ndarray) -> np.ndarray:
        """Gradient in the middle of each image, (n, 2)."""
        out = changed(pixels, settings)[..., 0].astype(float)
        return np.stack([out[:, 12, 16] - out[:, 12, 8], out[:, 16, 12] - out[:, 8, 12]], axis=1)

    # What stood at a right angle still does.
    one, two = slopes(across), slopes(across.transpose(0, 2, 1, 3).copy())
    cosine = (one * two).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(two, axis=1)
    assert (one[:, 0] < 0).any()
    assert np.abs(cosine).max() < 0.05


def test_brightness_lifts_by_its_fraction_at_most() -> None:
    flat = np.full((200, 4, 4, 1), 128, np.uint8)
    levels = changed(flat, Augmentation(brightness=0.1))[:, 0, 0, 0].astype(int) - 128
    assert -26 <= levels.min() < -20 < 20 < levels.max() <= 25


def test_contrast_spreads_around_the_mean() -> None:
    pixels = np.tile(np.array([78, 178], np.uint8).reshape(1, 1, 2, 1), (200, 2, 1, 1))
    out = changed(pixels, Augmentation(contrast=0.5)).astype(float)
    spread = out[:, 0, 1, 0] - out[:, 0, 0, 0]
    assert np.abs(out.mean(axis=(1, 2, 3)) - 128).max() <= 1
    assert 49 <= spread.min() < 60 < 140 < spread.max() <= 150


def test_bright_and_dark_saturate() -> None:
    extremes = np.tile(np.array([0, 255], np.uint8).reshape(1, 1, 2, 1), (50, 2, 1, 1))
    out = changed(extremes, Augmentation(brightness=0.5))
    assert (out[:, :, 1] >= out[:, :, 0]).all()


def test_erasing_covers_2_to_20_percent() -> None:
    flat = np.full((300, 48, 48, 1), 300 % 256, np.uint8)
    share = (changed(flat, Augmentation(erase=1.0)) != flat).mean(axis=(1, 2, 3))
    # Rounding of the sides and noise that happens to equal the ground.
    assert 0.015 < share.min() < 0.05 < 0.15 < share.max() < 0.22


@pytest.mark.parametrize(("probability", "low", "high"), [(0.0, 0, 0), (0.3, 60, 120), (1.0, 300, 300)])
def test_erasing_has_its_probability(probability: float, low: int, high: int) -> None:
    flat = np.full((300, 48, 48, 1), 44, np.uint8)
    hit = (changed(flat, Augmentation(erase=probability)) != flat).any(axis=(1, 2, 3)).sum()
    assert low <= hit <= high
