"""Networks by name."""

from __future__ import annotations

import pytest

from edgeemo.edge.errors import EdgeemoError
from edgeemo.edge.preprocess import InputSpec
from edgeemo.train.architectures import ARCHITECTURES, build
from edgeemo.train.recipe import load_recipe


@pytest.mark.parametrize(("recipe", "parameters"), [("fer-cnn3", 2_586_279), ("edge-res", 273_055)])
def test_a_recipe_s_network_has_its_size(recipe: str, parameters: int) -> None:
    loaded = load_recipe(recipe)
    model = build(loaded.architecture.name, loaded.input, 7, options=loaded.architecture.options)
    assert model.count_params() == parameters


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("spec", "classes"), [(InputSpec(48, 48), 7), (InputSpec(32, 40, "rgb"), 3)])
def test_any_network_takes_any_input_and_number_of_classes(name: str, spec: InputSpec, classes: int) -> None:
    model = build(name, spec, classes)
    assert (model.input_shape, model.output_shape) == ((None, *spec.shape), (None, classes))


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize("l2", [0.0, 1e-4])
def test_the_penalty_is_asked_for(name: str, l2: float) -> None:
    assert bool(build(name, InputSpec(24, 24), 7, l2=l2).losses) is bool(l2)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("resnet", {}, "unknown architecture, expected one of cnn3, residual, got 'resnet'"),
        ("cnn3", {"widths": [8]}, "architecture 'cnn3' has no option 'widths', expected one of filters, dense"),
        ("cnn3", {"l2": 1.0}, "architecture 'cnn3' has no option 'l2'"),
        ("residual", {"widths": [8], "strides": [1, 2]}, "cannot be built with these options (1 widths but 2 strides)"),
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
    assert sentence in caught.value.message
