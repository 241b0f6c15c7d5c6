"""Make the net of docs/post-training.md's examples: plain int8 ruins it, its float function is sound.

    python tests/models/make_depthwise.py depthwise.keras

Trained on synthetic faces for 15 seconds. Then the channels behind two of its ReLUs are multiplied by factors
from 1 to 1,000, and divided again in the depthwise kernels that read them.
"""

from __future__ import annotations

import sys

import numpy as np

from edgeemo.edge.vision.preprocess import InputSpec, normalize
from edgeemo.train.backend import keras, set_seed
from edgeemo.train.datasets.registry import read_dataset

SEED = 1
SPEC = InputSpec(24, 24)
EPOCHS = 12
#: The convolutions behind whose ReLUs channels are scaled, and the depthwise ones that read them.
SCALED = (("stem", "dw1"), ("pw1", "dw2"))
FACTORS = (1.0, 1000.0)


def network(labels: int) -> keras.Model:
    """A small depthwise-separable net, some 2,000 weights."""
    conv, depthwise = keras.layers.Conv2D, keras.layers.DepthwiseConv2D
    layers: list[keras.layers.Layer] = [keras.layers.InputLayer(SPEC.shape, batch_size=None)]

    def normalized(layer: keras.layers.Layer) -> None:
        layers.extend([layer, keras.layers.BatchNormalization(name=f"{layer.name}_bn"), keras.layers.ReLU()])

    normalized(conv(16, 3, strides=2, padding="same", use_bias=False, name="stem"))
    layers.append(depthwise(3, padding="same", name="dw1"))
    normalized(conv(24, 1, use_bias=False, name="pw1"))
    layers.append(depthwise(3, strides=2, padding="same", name="dw2"))
    normalized(conv(32, 1, use_bias=False, name="pw2"))
    layers += [
        keras.layers.GlobalAveragePooling2D(name="pool"),
        keras.layers.Dense(labels, activation="softmax", name="emotion"),
    ]
    return keras.Sequential(layers, name="depthwise")


def scale_badly(model: keras.Model) -> None:
    """Multiply channels and divide them again where they are read: a ReLU lets positive factors through."""
    for writer, reader in SCALED:
        normal = model.get_layer(f"{writer}_bn")
        gamma, beta, mean, variance = normal.get_weights()
        factors = np.geomspace(*FACTORS, len(gamma)).astype(np.float32)
        normal.set_weights([gamma * factors, beta * factors, mean, variance])
        kernel, bias = model.get_layer(reader).get_weights()
        model.get_layer(reader).set_weights([kernel / factors[:, None], bias])


def main() -> None:
    """Train, scale, save."""
    set_seed(SEED)
    faces = read_dataset("synthetic:train=4000,test=10,size=24").split("train")
    values = normalize(faces.pixels(SPEC), SPEC)
    model = network(len(faces.labels))
    model.compile(keras.optimizers.Adam(5e-3), "sparse_categorical_crossentropy")
    model.fit(values, faces.targets, batch_size=64, epochs=EPOCHS, verbose=0)
    before = model.predict_on_batch(values[:500])
    scale_badly(model)
    print(f"largest difference of a probability: {np.abs(model.predict_on_batch(values[:500]) - before).max():.0e}")
    print("labels: " + ",".join(faces.labels))
    model.save(sys.argv[1])


if __name__ == "__main__":
    main()
