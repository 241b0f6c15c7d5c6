"""Networks by name."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.architectures import ARCHITECTURES, build
from edgeemo.train.backend import keras
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.network.model import build_model


@functools.cache
def built(name: str, spec: InputSpec, classes: int, l2: float) -> Any:
    """A network that is only looked at; DenseNet169 takes seconds to build."""
    return build(name, spec, classes, l2=l2)


#: Input, classes and penalty; what differs in one network need not be built apart.
PLAIN, OTHER = (InputSpec(48, 48), 7, 0.0), (InputSpec(32, 40, "rgb"), 3, 1e-4)


# kdef-binary takes some gigabytes for a moment: nothing else here builds it. DenseNet169 is counted by inspect's tests.
@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [
        ("fer-cnn3", 2_586_279),
        ("fer-cnn38", 1_686_567),
        ("happy-sad", 59_076_673),
        ("kdef-binary", 135_500_097),
        ("edge-res", 273_055),
        ("edgeemo-nano", 67_751),
        ("edgeemo-base", 699_567),
        ("edgeemo-large", 979_671),
        ("demo", 57_791),
        ("linear", 16_135),
    ],
)
def test_a_recipe_s_network_has_its_size(recipe: str, parameters: int) -> None:
    loaded = load_recipe(recipe)
    model = build_model(loaded, 2 if loaded.task == "binary" else 7)
    assert model.count_params() == parameters


def test_fer_cnn38_has_38_layers_without_the_input() -> None:
    model = build_model(load_recipe("fer-cnn38"), 7)
    assert sum(not isinstance(layer, keras.layers.InputLayer) for layer in model.layers) == 38


def test_the_published_order_of_the_kdef_net() -> None:
    model = build("kdef", InputSpec(24, 24, "rgb"), 1, options={"filters": [4, 4, 4], "dense": [8, 8]})
    block = ["Conv2D", "Conv2D", "MaxPooling2D", "BatchNormalization"]
    tail = ["Flatten", *["Dense", "Dropout", "BatchNormalization"] * 2, "Dense"]
    assert [type(layer).__name__ for layer in model.layers[1:]] == [*block * 3, *tail]


def test_densenet_is_one_flat_graph() -> None:
    model = built("densenet169", *OTHER)
    assert not [layer for layer in model.layers if isinstance(layer, keras.Model)]


@pytest.mark.parametrize(("outputs", "activation"), [(1, "sigmoid"), (2, "softmax"), (7, "softmax")])
@pytest.mark.parametrize("name", [name for name in ARCHITECTURES.names() if name != "densenet169"])
def test_one_output_is_a_sigmoid(name: str, outputs: int, activation: str) -> None:
    assert build(name, InputSpec(24, 24), outputs).layers[-1].activation.__name__ == activation


@pytest.mark.parametrize("name", ARCHITECTURES.names())
@pytest.mark.parametrize(("spec", "classes", "l2"), [PLAIN, OTHER])
def test_any_network_takes_any_input_and_number_of_classes(name: str, spec: InputSpec, classes: int, l2: float) -> None:
    model = built(name, spec, classes, l2)
    assert (model.input_shape, model.output_shape) == ((None, *spec.shape), (None, classes))


@pytest.mark.parametrize("name", ARCHITECTURES.names())
@pytest.mark.parametrize(("spec", "classes", "l2"), [PLAIN, OTHER])
def test_the_penalty_is_asked_for(name: str, spec: InputSpec, classes: int, l2: float) -> None:
    assert bool(built(name, spec, classes, l2).losses) is bool(l2)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        (
            "resnet",
            {},
            "unknown architecture, expected one of cnn3, cnn38, densenet169, happy-sad, kdef, linear, residual, got",
        ),
        ("cnn3", {"widths": [8]}, "architecture 'cnn3' has no option 'widths', expected one of filters, dense"),
        ("cnn3", {"l2": 1.0}, "architecture 'cnn3' has no option 'l2'"),
        ("residual", {"widths": [8], "strides": [1, 2]}, "cannot be built with these options (1 widths but 2 strides)"),
        ("cnn38", {"convolutions": [2]}, "cannot be built with these options (3 filters but 1 convolutions)"),
        ("cnn3", {"weights": "none"}, "architecture 'cnn3' has no option 'weights'"),
        ("cnn3", {"filters": 8}, "architecture 'cnn3' cannot be built with these options"),
        ("cnn3", {"filters": ["wide"]}, "architecture 'cnn3' cannot be built with these options"),
        ("cnn3", {"filters": [8] * 9}, "architecture 'cnn3' cannot be built with these options"),
        ("residual", {"stem": [8]}, "architecture 'residual' cannot be built with these options"),
        ("residual", {"widths": [-8], "strides": [1]}, "architecture 'residual' cannot be built with these options"),
    ],
)
def test_what_cannot_be_built_is_named(name: str, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        build(name, InputSpec(48, 48), 7, options=options)
    assert sentence in str(caught.value)
