"""Losses and divergences of training, and the accuracy that it reports."""

from __future__ import annotations

from typing import Any

from ..backend import keras, tf
from ..config.sections import Loss

_EPSILON = 1e-7  # as in Keras's cross-entropy: keeps logarithms finite


def classification_loss(settings: Loss, task: str) -> Any:
    """Return cross-entropy or, with a gamma, focal loss (Lin et al. 2017, arXiv:1708.02002) without its alpha.

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
    """Return top-1 accuracy, named ``accuracy``; a soft target counts as its most probable class."""
    if task == "binary":
        return keras.metrics.MeanMetricWrapper(binary_top1, name="accuracy")
    return keras.metrics.CategoricalAccuracy(name="accuracy")


@keras.saving.register_keras_serializable("edgeemo")
def binary_top1(targets: Any, probabilities: Any) -> Any:
    """Return whether target and probability are on one side of one half: Keras's is never right on a soft target."""
    return tf.reduce_mean(tf.cast(tf.equal(targets > 0.5, probabilities > 0.5), tf.float32), axis=-1)


def soften(probabilities: Any, temperature: float) -> Any:
    """Return the probabilities of the same logits divided by a temperature (Hinton et al. 2015, arXiv:1503.02531).

    softmax(z / T) is p^(1/T) brought to the sum of 1, so the logits themselves are not needed.

    Args:
        probabilities: float32 (n, outputs), of a softmax, or of a sigmoid (one output).
        temperature: above 0; above 1 softens.

    Returns:
        float32 (n, classes), at least about 1e-7 everywhere; those of a sigmoid become two columns.
    """
    if probabilities.shape[-1] == 1:
        probabilities = tf.concat([1 - probabilities, probabilities], axis=-1)
    raised = tf.clip_by_value(probabilities, _EPSILON, 1.0) ** (1 / temperature)
    return raised / tf.reduce_sum(raised, axis=-1, keepdims=True)


def kl_divergence(reference: Any, candidate: Any) -> Any:
    """Return the Kullback-Leibler divergence of each row of probabilities, float32 (n,), nats.

    Args:
        reference: float32 (n, classes), above 0; see :func:`soften`.
        candidate: the same.
    """
    return tf.reduce_sum(reference * (tf.math.log(reference) - tf.math.log(candidate)), axis=-1)
