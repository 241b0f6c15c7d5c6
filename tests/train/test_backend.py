"""Seeds, and mixed precision: 16-bit layers while training, float32 afterwards."""

from __future__ import annotations

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.train.backend import POLICIES, as_float32, keras, set_seed
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.network.model import build_model

from ..conftest import raises

SMALL = ("architecture.stem=[4,8]", "architecture.widths=[8]", "architecture.strides=[2]")


@pytest.mark.parametrize(("name", "policy"), POLICIES.items())
def test_layers_compute_as_the_recipe_says_and_the_classifier_in_float32(name: str, policy: str) -> None:
    model = build_model(load_recipe("edge-res", (*SMALL, f"optimizer.precision={name}")), 7)
    assert model.get_layer("stem1_conv").dtype_policy.name == policy
    assert model.get_layer("stem1_conv").kernel.dtype == "float32"
    assert model.output.dtype == "float32"


@pytest.mark.parametrize(
    ("name", "policies"),
    [
        ("bfloat16", ["float32", "mixed_bfloat16"]),
        ("float16", ["mixed_float16", "mixed_float16"]),
        ("float32", ["float32", "float32"]),
    ],
)
def test_only_what_is_slow_in_bfloat16_is_normalized_in_float32(name: str, policies: list[str]) -> None:
    filters = ("architecture.stem=[8,16]", "architecture.widths=[16]", "architecture.strides=[2]")
    model = build_model(load_recipe("edge-res", (*filters, f"optimizer.precision={name}")), 7)
    assert [model.get_layer(f"stem{index}_bn").dtype_policy.name for index in (1, 2)] == policies
    # What reads it computes as before.
    assert model.get_layer("stem1_relu").compute_dtype == model.get_layer("stem2_conv").compute_dtype
    assert model.get_layer("stem2_conv").compute_dtype == name


def test_a_model_built_later_is_float32_again() -> None:
    build_model(load_recipe("edge-res", (*SMALL, "optimizer.precision=bfloat16")), 7)
    assert build_model(load_recipe("edge-res", SMALL), 7).get_layer("stem1_conv").dtype_policy.name == "float32"


def test_as_float32_keeps_the_weights_and_nearly_the_outputs() -> None:
    mixed = build_model(load_recipe("edge-res", (*SMALL, "optimizer.precision=bfloat16")), 7)
    plain = as_float32(mixed)
    for before, after in zip(mixed.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(before, after)
    assert all(layer.dtype_policy.name == "float32" for layer in plain.layers)
    faces = np.random.default_rng(0).random((4, 48, 48, 1), np.float32)
    # bfloat16 has 8 bits of precision.
    np.testing.assert_allclose(plain(faces), mixed(faces), atol=0.02)
    assert as_float32(plain) is plain


def test_an_unknown_precision_is_named() -> None:
    with raises(EdgeemoError, expected="float32, bfloat16, float16"):
        load_recipe("edge-res", ("optimizer.precision=half",))


def test_a_seed_counts_whatever_seeded_keras_before() -> None:
    def kernel() -> np.ndarray:
        set_seed(1)
        layer = keras.layers.Dense(3)
        layer.build((None, 4))
        return np.asarray(layer.kernel)

    first = kernel()
    keras.utils.set_random_seed(7)
    assert np.array_equal(kernel(), first)
