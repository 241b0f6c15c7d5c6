"""Quantization methods as data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...edge.common.errors import OptionError
from ...edge.common.version import package_version
from ...edge.tflite.graph import Graph
from ..options import QuantizeOptions

if TYPE_CHECKING:
    # Methods are listed where TensorFlow is not installed.
    from ...train.datasets.splits import TrainingData
    from ..float_model import FloatModel


@dataclass(frozen=True)
class Job:
    """A float model to convert.

    Args:
        float_model: the model.
        out: file that the .tflite will be written to; a method may keep unfinished work beside it.
        options: options of the quantization.
        data: splits to train and compare with; None without them.
        calibration: calibration faces fitted to the model's input, uint8 (n, height, width, channels); None for a
            method that does not calibrate.
        quiet: show no progress.
    """

    float_model: FloatModel
    out: Path
    options: QuantizeOptions = field(default_factory=QuantizeOptions)
    data: TrainingData | None = None
    calibration: np.ndarray | None = None
    quiet: bool = False


@dataclass(frozen=True)
class Converted:
    """A converted model.

    Args:
        flatbuffer: .tflite without a card.
        engine: package that converted it and its version, see :func:`engine`.
        notes: sentence for the card.
        trained: Keras model that was converted, if it is not the float model; the .tflite is compared with it.
    """

    flatbuffer: bytes
    engine: str
    notes: str = ""
    trained: Any = None


@dataclass(frozen=True)
class Method:
    """A quantization method.

    Args:
        name: name on the command line, in the card and in file names.
        title: name in tables.
        convert: converts a model.
        verify: raises a ModelError unless a graph is what the method promises with these options.
        calibrated: activation ranges come from calibration faces, weights may be rounded by them.
        trains: the model is trained further, on the splits of its own training.
        has_scales: weights have a scale for each channel or tensor.
        slow: runs on unoptimized kernels, so that few images have to be enough to compare it.
        calibration_methods: ways to estimate activation ranges; empty without any.
        mixed_precision: single operators can be kept out of int8.
        float_io: input and output stay float32 although the rest is int8.
        column: has a column of its own in the table of systems.
    """

    name: str
    title: str
    convert: Callable[[Job], Converted]
    verify: Callable[[Graph, QuantizeOptions], None]
    calibrated: bool = False
    trains: bool = False
    has_scales: bool = True
    slow: bool = False
    calibration_methods: tuple[str, ...] = ()
    mixed_precision: bool = False
    float_io: bool = False
    column: bool = False

    def check(self, options: QuantizeOptions) -> None:
        """Refuse options that the method would ignore.

        Raises:
            OptionError: activation ranges or a rounding for a method without them, or QAT options without training.
        """
        from . import METHODS

        def those(fits: Callable[[Method], bool]) -> str:
            return ", ".join(name for name in METHODS.builtin if fits(METHODS.load(name)))

        ranges, rounding = options.calibration_method, options.rounding
        if ranges not in ("minmax", *self.calibration_methods):
            raise OptionError(
                f"{self.name} has no activation ranges to estimate by {ranges}",
                expected=f"--calibration-method {ranges} with {those(lambda m: ranges in m.calibration_methods)}",
            )
        if rounding != "nearest" and not self.calibrated:
            raise OptionError(
                f"{self.name} does not look at faces, by which weights could be rounded",
                expected=f"--rounding {rounding} with {those(lambda m: m.calibrated)}",
            )


def engine(package: str) -> str:
    """Return a package with its version, for the card."""
    return f"{package} {package_version(package)}".strip()
