"""Knowledge distillation: the quantized network also learns from the float one that it was made of."""

from __future__ import annotations

from typing import Any

from ...train.backend import keras, tf
from ...train.network.losses import kl_divergence, soften
from .options import Distillation


class DistilledLoss(keras.losses.Loss):
    """weight * T^2 * KL(teacher || student), both softened by T, plus (1 - weight) * the usual loss on the labels.

    T^2 keeps the size of the gradients (Hinton et al., section 2). Targets (n, 2 * outputs) are the labels and behind
    them the teacher's probabilities; targets (n, outputs), as in validation, give the usual loss alone.

    Args:
        usual: Keras loss on labels.
        distillation: temperature and weight.
        outputs: of the network; 1 is a sigmoid.
    """

    def __init__(self, usual: Any, distillation: Distillation, outputs: int) -> None:
        super().__init__(name="distilled")
        self.usual, self.distillation, self.outputs = usual, distillation, outputs

    def call(self, expected: Any, predicted: Any) -> Any:
        """Return the loss of each image, float32 (n,)."""
        usual = self.usual.call(expected[:, : self.outputs], predicted)
        if expected.shape[-1] == self.outputs:
            return usual
        settings = self.distillation
        teacher, student = (soften(values, settings.temperature) for values in (expected[:, self.outputs :], predicted))
        divergence = kl_divergence(teacher, student)
        return settings.weight * settings.temperature**2 * divergence + (1 - settings.weight) * usual


def with_teacher(batches: Any, teacher: Any) -> Any:
    """Put the teacher's outputs behind the targets of each batch.

    Args:
        batches: tf.data.Dataset of inputs, targets and sample weights.
        teacher: the float model.
    """

    def extend(inputs: Any, expected: Any, weights: Any) -> tuple[Any, Any, Any]:
        return inputs, tf.concat([expected, teacher(inputs, training=False)], axis=-1), weights

    return batches.map(extend).prefetch(2)


def compile_distilled(model: Any, distillation: Distillation) -> None:
    """Compile a compiled model again, with its own optimizer and :class:`DistilledLoss` around its own loss."""
    outputs = model.output_shape[-1]
    right = keras.metrics.binary_accuracy if outputs == 1 else keras.metrics.categorical_accuracy

    def accuracy(expected: Any, predicted: Any) -> Any:
        return right(expected[:, :outputs], predicted)

    loss = DistilledLoss(model.loss, distillation, outputs)
    model.compile(model.optimizer, loss, metrics=[accuracy], jit_compile=False)
