"""What training minimizes, and the accuracy that it shows."""

from __future__ import annotations

from typing import Any

from ..backend import keras, tf
from ..config.sections import Loss


def classification_loss(settings: Loss, task: str) -> Any:
    """Cross-entropy or, with a gamma, focal loss (Lin et al. 2017, arXiv:1708.02002) without its alpha.

    The class weights do what alpha is for: they come with the batches. Smoothing is applied before focusing.

    Args:
        settings: smoothing and gamma.
        task: ``multiclass`` or ``binary``.

    Returns:
        keras.losses.Loss: targets and probabilities float32 (n, outputs) -> mean over the batch.
    """
    smoothing, gamma = settings.label_smoothing, settings.focal_gamma
    if task == "binary":
        if gamma:
            return keras.losses.BinaryFocalCrossentropy(gamma=gamma, label_smoothing=smoothing)
        return keras.losses.BinaryCrossentropy(label_smoothing=smoothing)
    if gamma:
        return keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=gamma, label_smoothing=smoothing)
    return keras.losses.CategoricalCrossentropy(label_smoothing=smoothing)


def accuracy(task: str) -> Any:
    """Top-1 accuracy, named ``accuracy``; a soft target counts as its most probable class."""
    if task == "binary":
        return keras.metrics.MeanMetricWrapper(binary_top1, name="accuracy")
    return keras.metrics.CategoricalAccuracy(name="accuracy")


@keras.saving.register_keras_serializable("edgeemo")
def binary_top1(targets: Any, probabilities: Any) -> Any:
    """Whether target and probability are on the same side of one half: Keras's own is never right on a soft target."""
    return tf.reduce_mean(tf.cast(tf.equal(targets > 0.5, probabilities > 0.5), tf.float32), axis=-1)
