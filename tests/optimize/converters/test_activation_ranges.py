"""Ranges of activations: what is seen, and where it is clipped."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import MissingExtraError
from edgeemo.edge.inference.classifier import Classifier
from edgeemo.edge.inference.interpreter import load
from edgeemo.edge.model.card import read_card
from edgeemo.edge.tflite.container import split_model
from edgeemo.edge.tflite.graph import read_graph
from edgeemo.edge.vision.preprocess import normalize
from edgeemo.optimize.converters.activation_ranges import (
    ActivationHistogram,
    MinMaxObserver,
    observe_activations,
)
from edgeemo.optimize.converters.ai_edge import SelectiveQuantizer
from edgeemo.optimize.options import CALIBRATION_METHODS
from edgeemo.train.datasets.registry import read_dataset

from ...conftest import raises

BINS = 2048


def seen(values: np.ndarray) -> ActivationHistogram:
    low, high = float(values.min()), float(values.max())
    return ActivationHistogram(low, high, np.histogram(values, BINS, (low, high))[0])


RNG = np.random.default_rng(0)
NORMAL = RNG.normal(size=200_000)
OUTLIER = np.append(NORMAL, 100.0)
RELU = np.maximum(NORMAL, 0)


@pytest.mark.parametrize(
    ("values", "estimator", "low", "high", "tolerance"),
    [
        (OUTLIER, "minmax", NORMAL.min(), 100.0, 0.0),
        (OUTLIER, "percentile", np.quantile(NORMAL, 0.00005), np.quantile(NORMAL, 0.99995), 0.1),
        (RELU, "percentile", 0.0, np.quantile(RELU, 0.99995), 0.1),
        (RELU, "minmax", 0.0, RELU.max(), 0.0),
        (np.zeros(10), "mse", 0.0, 0.0, 0.0),
        (np.array([0.0, 1.0]), "percentile", 0.0, 1.0, 0.0),
    ],
)
def test_where_a_range_is_clipped(
    values: np.ndarray, estimator: str, low: float, high: float, tolerance: float
) -> None:
    if values.max() == values.min():
        assert ActivationHistogram(0.0, 0.0, np.zeros(BINS, np.int64)).clip(estimator) == (low, high)
    else:
        assert seen(values).clip(estimator) == pytest.approx((low, high), abs=tolerance)


@pytest.mark.parametrize("values", [OUTLIER, RELU, NORMAL, RNG.uniform(size=50_000)], ids=["outlier", "relu", "n", "u"])
def test_mse_rounds_no_worse_than_minmax(values: np.ndarray) -> None:
    errors = {}
    for estimator in ("minmax", "mse"):
        low, high = seen(values).clip(estimator)
        low = min(low, 0.0)
        step = (high - low) / 255
        errors[estimator] = float(
            ((np.rint((np.clip(values, low, high) - low) / step) * step + low - values) ** 2).mean()
        )
    assert errors["mse"] <= errors["minmax"] * 1.01


def test_the_outermost_values_are_those_of_the_activations(tiny_float: Path) -> None:
    card = read_card(tiny_float)
    assert card is not None
    model, pixels = (
        split_model(tiny_float.read_bytes())[0],
        read_dataset("synthetic:train=6,test=0,size=48").pixels(card.input),
    )
    extremes = MinMaxObserver(model, card.input).of(pixels)
    session = load(tiny_float)
    values = normalize(pixels, card.input)
    outputs = np.stack([session.run(value) for value in values])
    ends = {(round(low, 5), round(high, 5)) for low, high in extremes.values()}
    assert (round(float(values.min()), 5), round(float(values.max()), 5)) in ends
    assert any(abs(outputs.min() - low) < 1e-4 and abs(outputs.max() - high) < 1e-4 for low, high in ends)
    found = observe_activations(model, card.input, pixels)
    assert {name: (one.low, one.high) for name, one in found.items()} == extremes
    assert all(one.counts.sum() > 0 for one in found.values())
    assert CALIBRATION_METHODS[0] == "minmax"


def test_an_activation_that_is_always_zero_has_a_step_that_kernels_take(tiny_float: Path) -> None:
    model, card = split_model(tiny_float.read_bytes())[0], read_card(tiny_float)
    assert card is not None
    pixels = read_dataset("synthetic:train=6,test=0,size=48").pixels(card.input)
    ranges = MinMaxObserver(model, card.input).of(pixels)
    first = next(operator.outputs[0].name for operator in read_graph(model).operators if operator.name == "CONV_2D")
    # As of a layer whose ReLU lets nothing through.
    made = SelectiveQuantizer(model, ranges | {first: (0.0, 0.0)}).quantize()
    answers = Classifier.from_bytes(made, card).predict(pixels)
    assert answers.sum(axis=1) == pytest.approx(np.ones(len(pixels)), abs=0.05)


def test_the_missing_quantizer_is_named(tiny_float: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)
    with raises(MissingExtraError, problem="'ai-edge-quantizer', which is not installed$", hint=r" 'edgeemo\[train\]'"):
        SelectiveQuantizer(split_model(tiny_float.read_bytes())[0], {}).quantize()
