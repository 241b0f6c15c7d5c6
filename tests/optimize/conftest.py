"""Fixtures of networks and runs: weights that show every mistake, faces in any size, a run to write into."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edgeemo.train.datasets.registry import read_dataset


@pytest.fixture
def copy(trained_run: Path, tmp_path: Path) -> Path:
    """The run again, to be written into."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.fixture(scope="session")
def randomize() -> Callable[[Any, int], Any]:
    """Give a Keras model random weights, statistics of batch normalizations included."""

    def change(model: Any, seed: int = 0) -> Any:
        rng = np.random.default_rng(seed)
        for variable in model.variables:
            kind, shape = variable.name.split("/")[-1].split(":")[0], tuple(variable.shape)
            if kind in ("gamma", "moving_variance", "variance"):
                variable.assign(rng.uniform(0.5, 2.0, shape))
            elif kind in ("beta", "bias", "moving_mean", "mean", "alpha"):
                variable.assign(rng.normal(0, 0.2, shape))
            elif kind != "count":
                # He's scale keeps activations of any depth near 1, where a tolerance means something.
                inputs = np.prod(shape[:-1]) if kind != "depthwise_kernel" else np.prod(shape[:2])
                variable.assign(rng.normal(0, np.sqrt(2 / max(inputs, 1)), shape))
        return model

    return change


@pytest.fixture(scope="session")
def faces() -> Callable[[tuple[int, int, int], int], np.ndarray]:
    """Synthetic faces, float32 (n, height, width, channels) in 0 to 1."""
    images = read_dataset("synthetic:train=8,test=0,size=48,seed=3").images

    def fitted(shape: tuple[int, int, int], count: int = 8) -> np.ndarray:
        height, width, channels = shape
        planes = np.stack([cv2.resize(image, (width, height)) for image in images[:count]])
        return np.repeat(planes[..., None], channels, axis=-1).astype(np.float32) / 255

    return fitted
