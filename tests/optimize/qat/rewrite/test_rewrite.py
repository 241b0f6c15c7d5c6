"""Rules that make a float network one that quantization-aware training accepts: each on a net of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.optimize.qat.rewrite import Treatment, rewrite
from edgeemo.train.architectures import build
from edgeemo.train.backend import keras, tf

from ....conftest import raises

L = keras.layers
SHAPE = (12, 12, 3)


def net(*layers: Any, shape: tuple[int, ...] = SHAPE, classes: int = 4) -> Any:
    """A chain of layers; the classifier is put behind it."""
    inputs = x = L.Input(shape, name="face")
    for layer in layers:
        x = layer(x)
    if len(x.shape) > 2:
        x = L.Flatten(name="last_flatten")(x)
    return keras.Model(inputs, L.Dense(classes, activation="softmax", name="emotion")(x), name="net")


def conv(name: str = "conv", **options: Any) -> Any:
    return L.Conv2D(5, 3, **{"padding": "same", "name": name, **options})


def bn(name: str = "bn") -> Any:
    return L.BatchNormalization(name=name)


def fan_out() -> Any:
    """A convolution that is normalized and also added as it is."""
    inputs = L.Input(SHAPE, name="face")
    x = conv()(inputs)
    x = L.Add(name="add")([x, L.ReLU(name="relu")(bn()(x))])
    return keras.Model(inputs, L.Dense(4, name="emotion")(L.Flatten(name="flatten")(x)), name="net")


def two_dense_behind() -> Any:
    """A normalization that two layers read."""
    inputs = L.Input(SHAPE, name="face")
    x = bn()(L.Dense(6, activation="relu", name="hidden")(L.Flatten(name="flatten")(inputs)))
    x = L.Add(name="add")([L.Dense(4, name="one")(x), L.Dense(4, name="two")(x)])
    return keras.Model(inputs, x, name="net")


def nested() -> Any:
    """A backbone used twice, itself with a net inside."""
    inner = keras.Sequential([L.Input((12, 12, 5)), conv("inner_conv"), bn("inner_bn"), L.ReLU()], name="inner")
    backbone_inputs = L.Input((12, 12, 5))
    backbone = keras.Model(backbone_inputs, inner(conv("outer_conv")(backbone_inputs)), name="backbone")
    inputs = L.Input(SHAPE, name="face")
    x = backbone(backbone(conv()(inputs)))
    return keras.Model(inputs, L.Dense(4, name="emotion")(L.Flatten(name="flatten")(x)), name="net")


def squeeze_excite() -> Any:
    inputs = L.Input(SHAPE, name="face")
    x = conv(activation="relu")(inputs)
    gate = L.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    gate = L.Conv2D(5, 1, activation="sigmoid", name="gate")(gate)
    x = L.GlobalAveragePooling2D(name="average")(L.Multiply(name="excite")([x, gate]))
    return keras.Model(inputs, L.Dense(4, name="emotion")(x), name="net")


def concatenated() -> Any:
    """As in DenseNet: average pooling and normalization behind a concatenation."""
    inputs = L.Input(SHAPE, name="face")
    x = conv("first")(inputs)
    x = L.Concatenate(name="concat")([x, conv("second")(x)])
    x = L.AveragePooling2D(name="pool")(x)
    x = L.ReLU(name="relu")(bn()(x))
    return keras.Model(inputs, L.Dense(4, name="emotion")(L.Flatten(name="flatten")(x)), name="net")


#: rule -> net, a line of what was done ("" for nothing), types of the layers then
RULES: dict[str, tuple[Callable[[], Any], str, str]] = {
    "bn behind a linear convolution stays": (
        lambda: net(conv(use_bias=False), bn(), L.ReLU()),
        "",
        "Conv2D BatchNormalization ReLU Flatten Dense",
    ),
    "bn back into a depthwise convolution": (
        lambda: net(L.DepthwiseConv2D(3, depth_multiplier=2, name="deep"), bn(), L.ReLU()),
        "bn: BatchNormalization folded back into deep",
        "DepthwiseConv2D Flatten Dense",
    ),
    "relu behind linear layers": (
        lambda: net(conv(), L.ReLU(name="relu"), L.Dense(5), L.Activation("relu")),
        "relu: ReLU fused into conv",
        "Conv2D Dense Flatten Dense",
    ),
    "relu with a slope": (
        lambda: net(conv(), L.ReLU(negative_slope=0.1), conv("next"), L.ReLU(max_value=6)),
        "",
        "Conv2D ReLU Conv2D ReLU Flatten Dense",
    ),
    "training-only layers": (
        lambda: net(
            L.RandomFlip(),
            L.GaussianNoise(0.1),
            conv(),
            L.SpatialDropout2D(0.5),
            L.Activation("linear"),
            L.Dropout(0.5, name="dropout"),
        ),
        "dropout: Dropout does nothing in inference, taken out",
        "Conv2D Flatten Dense",
    ),
    "bn behind dropout behind a convolution": (
        lambda: net(conv(), L.Dropout(0.5), bn(), L.ReLU()),
        "taken out",
        "Conv2D BatchNormalization ReLU Flatten Dense",
    ),
    "nested models": (
        nested,
        "inner: nested model put in place",
        "Conv2D Conv2D Conv2D BatchNormalization ReLU Conv2D Conv2D BatchNormalization ReLU Flatten Dense",
    ),
    "separable convolution": (
        lambda: net(L.SeparableConv2D(6, 3, depth_multiplier=2, strides=2, name="sep"), bn(), L.ReLU()),
        "sep: SeparableConv2D split into sep_depthwise and a 1x1 convolution",
        "DepthwiseConv2D Conv2D BatchNormalization ReLU Flatten Dense",
    ),
    "two separable convolutions": (
        lambda: net(*(L.SeparableConv2D(4, 3, activation="relu", use_bias=bias) for bias in (True, False))),
        "separable_conv2d",
        "DepthwiseConv2D Conv2D DepthwiseConv2D Conv2D Flatten Dense",
    ),
    "bn back into Dense": (
        lambda: net(L.Flatten(), L.Dense(6, use_bias=False, name="hidden"), bn(), L.ReLU()),
        "bn: BatchNormalization folded back into hidden",
        "Flatten Dense Dense",
    ),
    "bn back into a transposed convolution": (
        lambda: net(L.Conv2DTranspose(4, 3, name="up"), bn(), L.ReLU()),
        "bn: BatchNormalization folded back into up",
        "Conv2DTranspose Flatten Dense",
    ),
    "rescaling back into a convolution": (
        lambda: net(conv(), L.Rescaling(0.5, 0.1, name="rescaling"), L.ReLU()),
        "rescaling: Rescaling folded back into conv",
        "Conv2D Flatten Dense",
    ),
    "bn forward through Flatten and Dropout into Dense": (
        lambda: net(conv(activation="relu"), bn(), L.Flatten(), L.Dropout(0.5), L.Dense(4, name="hidden")),
        "bn: BatchNormalization folded forward into hidden",
        "Conv2D Flatten Dense Dense",
    ),
    "bn forward into a convolution without padding": (
        lambda: net(conv(activation="relu"), bn(), conv("next", padding="valid")),
        "bn: BatchNormalization folded forward into next",
        "Conv2D Conv2D Flatten Dense",
    ),
    "bn forward into a convolution of one pixel": (
        lambda: net(conv(activation="relu"), bn(), L.Conv2D(4, 1, 2, padding="same", name="next")),
        "bn: BatchNormalization folded forward into next",
        "Conv2D Conv2D Flatten Dense",
    ),
    "bn forward into a depthwise convolution": (
        lambda: net(conv(activation="relu"), bn(), L.DepthwiseConv2D(3, depth_multiplier=2, name="next")),
        "bn: BatchNormalization folded forward into next",
        "Conv2D DepthwiseConv2D Flatten Dense",
    ),
    "bn forward through average pooling": (
        lambda: net(conv(activation="relu"), bn(), L.AveragePooling2D(3, 2, "same"), L.GlobalAveragePooling2D()),
        "bn: BatchNormalization folded forward into emotion",
        "Conv2D AveragePooling2D GlobalAveragePooling2D Dense",
    ),
    "bn forward through maximum pooling": (
        lambda: net(conv(activation="relu"), bn(), L.MaxPooling2D(3, 2, "same"), L.GlobalMaxPooling2D()),
        "bn: BatchNormalization folded forward into emotion",
        "Conv2D MaxPooling2D GlobalMaxPooling2D Dense",
    ),
    "two bn in a row": (
        lambda: net(L.Flatten(), L.Dense(6, activation="relu", name="hidden"), bn("first"), bn("second")),
        "first: BatchNormalization folded forward into emotion",
        "Flatten Dense Dense",
    ),
    "rescaling before padding, nothing added": (
        lambda: net(L.Rescaling(1 / 2), L.ZeroPadding2D(), conv()),
        "folded forward into conv",
        "ZeroPadding2D Conv2D Flatten Dense",
    ),
    "normalization with statistics of its own": (
        lambda: net(L.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.1, 0.2, 0.3]), conv(padding="valid")),
        "folded forward into conv",
        "Conv2D Flatten Dense",
    ),
    "bn before padding becomes depthwise": (
        lambda: net(conv(activation="relu"), bn(), conv("next")),
        "bn: BatchNormalization replaced by a 1x1 depthwise convolution",
        "Conv2D DepthwiseConv2D Conv2D Flatten Dense",
    ),
    "rescaling before padding becomes depthwise": (
        lambda: net(L.Rescaling(2, -1, name="rescaling"), conv()),
        "rescaling: Rescaling replaced by a 1x1 depthwise convolution",
        "DepthwiseConv2D Conv2D Flatten Dense",
    ),
    "bn with negative scales before maximum pooling": (
        lambda: net(conv(activation="relu"), L.Rescaling(-1, 0.5), L.MaxPooling2D()),
        "replaced by a 1x1 depthwise convolution",
        "Conv2D DepthwiseConv2D MaxPooling2D Flatten Dense",
    ),
    "bn of what others read too": (
        fan_out,
        "bn: BatchNormalization replaced by a 1x1 depthwise convolution",
        "Conv2D DepthwiseConv2D Add Flatten Dense",
    ),
    "bn of a vector that two read": (
        two_dense_behind,
        "bn: BatchNormalization replaced by a 1x1 depthwise convolution",
        "Flatten Dense Reshape DepthwiseConv2D Reshape Dense Dense Add",
    ),
    "concatenation": (
        concatenated,
        "bn: BatchNormalization replaced by a 1x1 depthwise convolution",
        "Conv2D Conv2D Concatenate AveragePooling2D DepthwiseConv2D Flatten Dense",
    ),
    "squeeze and excite": (
        squeeze_excite,
        "",
        "Conv2D GlobalAveragePooling2D Conv2D Multiply GlobalAveragePooling2D Dense",
    ),
    "relu6": (
        lambda: net(conv(activation="relu6"), L.Activation("relu6", name="again")),
        "conv: its relu6 is a layer of its own",
        "Conv2D ReLU ReLU Flatten Dense",
    ),
    "elu": (
        lambda: net(conv(activation="elu"), L.ELU()),
        "conv: its elu is a layer of its own",
        "Conv2D Activation ELU Flatten Dense",
    ),
    "swish": (
        lambda: net(conv(activation="swish")),
        "conv: its swish is a layer of its own",
        "Conv2D Activation Flatten Dense",
    ),
}


def types(model: Any) -> str:
    return " ".join(type(layer).__name__ for layer in model.layers[1:])


def outputs(model: Any, inputs: np.ndarray) -> np.ndarray:
    # Some augmentation layers take their training mode for the default.
    return np.asarray(model(inputs, training=False))


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_keeps_the_outputs(rule: str, randomize: Any, faces: Any) -> None:
    builder, change, layers = RULES[rule]
    model = randomize(builder(), 1)
    rewritten = rewrite(model)
    assert types(rewritten.model) == layers
    assert any(change in line for line in rewritten.changes) if change else not rewritten.changes
    inputs = faces(SHAPE)
    assert np.abs(outputs(rewritten.model, inputs) - outputs(model, inputs)).max() < 1e-5


def test_negative_scales_do_not_pass_maximum_pooling(randomize: Any, faces: Any) -> None:
    model = randomize(net(conv(activation="relu"), bn(), L.MaxPooling2D(), L.Flatten()), 1)
    model.get_layer("bn").gamma.assign([1, -1, 1, 1, 1])
    rewritten = rewrite(model).model
    assert types(rewritten) == "Conv2D DepthwiseConv2D MaxPooling2D Flatten Dense"
    assert np.abs(outputs(rewritten, faces(SHAPE)) - outputs(model, faces(SHAPE))).max() < 1e-5


def test_the_original_stays_as_it_was(randomize: Any) -> None:
    model = randomize(net(conv(activation="relu"), bn(), L.Flatten(), L.Dense(6), bn("bn2")), 1)
    before, layers = [value.copy() for value in model.get_weights()], types(model)
    rewrite(model)
    assert types(model) == layers
    assert all(np.array_equal(one, two) for one, two in zip(before, model.get_weights(), strict=True))


def test_layers_keep_their_names_and_no_name_comes_twice() -> None:
    model = nested()
    names = [layer.name for layer in rewrite(model).model.layers]
    assert {"face", "conv", "outer_conv", "inner_conv", "inner_bn", "outer_conv_1", "inner_conv_1"} <= set(names)
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("layer", "treatment"),
    [
        (L.AveragePooling2D(name="odd"), Treatment.NOTHING),
        (L.PReLU(shared_axes=[1, 2], name="odd"), Treatment.OUTPUT),
        (L.ELU(name="odd"), Treatment.OUTPUT),
        (L.Activation("elu", name="odd"), Treatment.OUTPUT),
        (L.LeakyReLU(name="odd"), Treatment.DEFAULT),
        (L.DepthwiseConv2D(3, name="odd"), Treatment.PER_CHANNEL),
    ],
)
def test_how_a_layer_is_quantized(layer: Any, treatment: Treatment) -> None:
    assert rewrite(net(conv(), layer)).treatments["odd"] is treatment


def elu_before_concatenate() -> Any:
    inputs = L.Input(SHAPE)
    x = L.ELU(name="odd")(conv()(inputs))
    return keras.Model(inputs, L.Flatten()(L.Concatenate(name="joined")([x, conv(name="other")(inputs)])))


def two_outputs() -> Any:
    inputs = L.Input(SHAPE)
    return keras.Model(inputs, [L.Flatten()(inputs), L.Flatten()(inputs)], name="two")


def with_operator() -> Any:
    inputs = L.Input(SHAPE)
    x = conv()(inputs)
    return keras.Model(inputs, x * tf.nn.relu6(x + 3.0), name="swishing")


class Own(keras.Model):
    def call(self, inputs: Any) -> Any:
        return inputs


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (
            lambda: net(conv(), L.ELU(0.5, name="odd")),
            {"problem": "layer odd: the converter keeps ELU with another alpha"},
        ),
        (
            lambda: net(conv(activation="selu")),
            {"problem": "layer conv_selu: the converter keeps selu in floating point"},
        ),
        (lambda: net(conv(), L.Activation("selu", name="odd")), {"problem": "layer odd: the converter keeps selu"}),
        (
            lambda: net(conv(), L.LayerNormalization(name="odd")),
            {"problem": "layer odd: tfmot has no rule for LayerNormalizat"},
        ),
        (
            lambda: net(conv(), L.Lambda(lambda x: x, name="odd")),
            {"problem": "layer odd: nothing can look into a Lambda"},
        ),
        (lambda: net(L.RandomCrop(8, 8, name="odd")), {"problem": "layer odd: it cuts its input"}),
        (
            lambda: net(conv(), L.BatchNormalization(axis=1, name="odd")),
            {"problem": "layer odd: BatchNormalization of 3-dimensional tensors or over another axis"},
        ),
        (
            lambda: net(conv(), L.ELU(0.5, name="a"), L.ELU(2, name="b")),
            {"problem": "layer a: .*layer b: ", "hint": "--qat-skip a --qat-skip b"},
        ),
        (lambda: net(conv(), L.ELU(0.5)), {"hint": "or use --method int8"}),
        (
            elu_before_concatenate,
            {
                "problem": "layer odd: ELU before Concatenate gets two ranges",
                "hint": "with --qat-skip odd --qat-skip joined, or",
            },
        ),
        (two_outputs, {"problem": "two has 1 inputs and 2 outputs"}),
        (with_operator, {"problem": "is an operator between tensors and not a layer", "hint": "hard-swish"}),
        (
            lambda: Own(name="own"),
            {"problem": "own is not a graph of layers$", "expected": "^a Functional or Sequential model"},
        ),
        (lambda: net(conv(), Own(name="own"), L.Flatten()), {"problem": "own is not a graph of layers"}),
    ],
)
def test_what_cannot_be_rewritten_is_named(model: Callable[[], Any], fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        rewrite(model())


def test_called_with_options_is_refused() -> None:
    inputs = L.Input(SHAPE)
    x = L.Dropout(0.5, name="always")(conv()(inputs), training=True)
    with raises(EdgeemoError, problem=r"layer always is called with options \(training\)"):
        rewrite(keras.Model(inputs, x))


@pytest.mark.parametrize("skip", [("odd",), ("odd", "conv"), ("odd", "bn"), ("odd", "emotion")])
def test_what_is_skipped_is_not_refused(skip: tuple[str, ...], randomize: Any, faces: Any) -> None:
    model = randomize(net(conv(), bn(), L.ELU(0.5, name="odd")), 1)
    rewritten = rewrite(model, skip=skip)
    assert {name for name, how in rewritten.treatments.items() if how is Treatment.FLOAT} == set(skip)
    assert np.abs(outputs(rewritten.model, faces(SHAPE)) - outputs(model, faces(SHAPE))).max() < 1e-5


def test_bn_behind_a_skipped_convolution_is_folded_back() -> None:
    found = types(rewrite(net(conv(), bn(), L.ReLU()), skip=("conv",)).model)
    assert found == "Conv2D FloatBoundary Activation ReLU Flatten Dense"


@pytest.mark.parametrize(
    ("skip", "fields"),
    [
        (
            "nothing",
            {
                "problem": "layer 'nothing' cannot be left in floating point$",
                "expected": "^one of conv, last_flatten, emotion",
            },
        ),
        ("drop", {"got": "^Dropout does nothing in inference, taken out"}),
    ],
)
def test_what_is_not_there_cannot_be_skipped(skip: str, fields: dict[str, str]) -> None:
    with raises(EdgeemoError, **fields):
        rewrite(net(conv(), L.Dropout(0.5, name="drop")), skip=[skip])


#: architecture -> its options in a small size, input, how many lines of what was done have a word
ARCHITECTURES: dict[str, tuple[dict[str, Any], InputSpec, dict[str, int]]] = {
    "cnn3": ({}, InputSpec(24, 24), {"folded": 0, "depthwise": 0, "taken out": 5}),
    "cnn38": ({"dense": [16, 16]}, InputSpec(24, 24), {"folded": 0, "fused": 2, "taken out": 5}),
    "happy-sad": ({}, InputSpec(32, 32, "rgb"), {"folded": 0, "depthwise": 0, "taken out": 1}),
    # As published: three fold forward into dense layers, two stand before a padded convolution.
    "kdef": (
        {"filters": [16, 16, 32], "dense": [64, 32]},
        InputSpec(32, 32, "rgb"),
        {"folded forward": 3, "depthwise": 2, "taken out": 2},
    ),
    "residual": ({}, InputSpec(48, 48), {"folded": 0, "depthwise": 0, "taken out": 1}),
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_keeps_its_outputs(name: str, randomize: Any, faces: Any) -> None:
    options, spec, expected = ARCHITECTURES[name]
    model = randomize(build(name, spec, 7, options=options), 1)
    rewritten = rewrite(model)
    inputs = faces(spec.shape)
    assert np.abs(outputs(rewritten.model, inputs) - outputs(model, inputs)).max() < 1e-5
    assert {word: sum(word in line for line in rewritten.changes) for word in expected} == expected


@pytest.mark.slow
@pytest.mark.parametrize(("name", "side", "classes"), [("densenet169", 48, 7), ("happy-sad", 256, 1), ("kdef", 256, 1)])
def test_a_large_architecture_keeps_its_outputs(name: str, side: int, classes: int, randomize: Any, faces: Any) -> None:
    spec = InputSpec(side, side, "rgb")
    model = randomize(build(name, spec, classes), 1)
    inputs = faces(spec.shape, 2)
    expected = outputs(model, inputs)
    assert np.abs(outputs(rewrite(model).model, inputs) - expected).max() < 1e-5
