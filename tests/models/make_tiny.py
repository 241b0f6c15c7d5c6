"""Make the two small models that the tests of ``edge`` use, from synthetic faces.

Run by a developer, in an environment with TensorFlow; the tests need its result only:

    python tests/models/make_tiny.py
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from edgeemo.edge.model.card import ModelCard, Provenance, Quantization, write_model
from edgeemo.edge.vision.preprocess import InputSpec, fit, normalize
from edgeemo.train.backend import keras, quiet_native, set_seed, tf
from edgeemo.train.datasets.synthetic import EMOTIONS, make_faces

HERE = Path(__file__).parent
SEED = 1
SPEC = InputSpec(48, 48)
#: Drawn larger than the model's input, so that a cut-out of the middle still has the detail of a camera's face.
DRAWN = 72
TRAINING, TEST = 14_000, 1_400
EPOCHS = 14
CALIBRATION = 350


def crops(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Cut each drawing as a face detector might: Haar boxes leave out the hair, drawings show the whole head.

    Args:
        pixels: uint8 (n, DRAWN, DRAWN, 1).
        rng: where sizes and places come from.

    Returns:
        uint8 (n, 48, 48, 1).
    """
    cut = np.empty((len(pixels), *SPEC.shape), np.uint8)
    for row, image in enumerate(pixels):
        side = round(DRAWN * rng.uniform(0.62, 1.0))
        left = round((DRAWN - side) * rng.uniform(0.3, 0.7))
        top = round((DRAWN - side) * rng.uniform(0.4, 1.0))
        cut[row] = fit(np.ascontiguousarray(image[top : top + side, left : left + side]), SPEC)
    return cut


def network() -> keras.Model:
    """Four small convolutions, about 6,000 weights: float32 stays below 30 kB."""
    conv, norm = keras.layers.Conv2D, keras.layers.BatchNormalization
    layers: list[keras.layers.Layer] = [keras.layers.InputLayer(SPEC.shape, batch_size=None)]
    for filters, stride in ((8, 2), (12, 2), (16, 2), (16, 2)):
        layers += [conv(filters, 3, strides=stride, padding="same", use_bias=False), norm(), keras.layers.ReLU()]
    layers += [keras.layers.Flatten(), keras.layers.Dense(len(EMOTIONS), activation="softmax")]
    return keras.Sequential(layers)


def convert(model: keras.Model, calibration: np.ndarray | None) -> bytes:
    """To a float .tflite, or with a calibration set to one that is int8 throughout."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if calibration is not None:

        def samples() -> Iterator[list[np.ndarray]]:
            for values in calibration:
                yield [values[None]]

        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = samples
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.int8
    with quiet_native():
        data: bytes = converter.convert()
    return data


def main() -> None:
    """Train, convert twice, write both with their cards."""
    set_seed(SEED)
    rng = np.random.default_rng(SEED)
    drawn, labels = make_faces(TRAINING, size=DRAWN, seed=SEED)
    test_drawn, test_labels = make_faces(TEST, size=DRAWN, seed=SEED, start=TRAINING)
    test = normalize(crops(test_drawn, rng), SPEC)
    model = network()
    steps = EPOCHS * TRAINING // 64
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(4e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    for epoch in range(EPOCHS):
        values = normalize(crops(drawn, rng), SPEC)
        model.fit(values, labels, batch_size=64, verbose=0, shuffle=True)
        print(f"epoch {epoch + 1}: {model.evaluate(test, test_labels, verbose=0)[1]:.3f}", file=sys.stderr)
    card = ModelCard(
        name="tiny_float",
        labels=tuple(EMOTIONS),
        input=SPEC,
        provenance=Provenance(architecture="tiny", recipe="tests/models/make_tiny.py", dataset="synthetic", seed=SEED),
        license="MIT",
        notes="For tests only. Trained on synthetic synthetic faces: it knows drawings, not people.",
    )
    write_model(HERE / "tiny_float.tflite", convert(model, None), card)
    chosen = normalize(crops(drawn[:CALIBRATION], rng), SPEC)
    quantized = replace(card, name="tiny_int8", quantization=Quantization("int8", calibration_size=CALIBRATION))
    write_model(HERE / "tiny_int8.tflite", convert(model, chosen), quantized)


if __name__ == "__main__":
    main()
