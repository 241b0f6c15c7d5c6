"""The second look's loss."""

from __future__ import annotations

from typing import Any

from ..backend import tf

#: Of the roll's L1, in units of a fifth of a radian, beside the cross-entropy.
_ROLL = 0.3
#: Labels are softened by this: a few of the marked faces are none, and the other way round.
_DOUBT = 0.02


def check_loss(target: Any, predicted: Any) -> Any:
    """Return the cross-entropy of being a face, and L1 of the roll where there is one.

    Args:
        target: float32 (batch, 3): 1 for a face, roll, weight of the roll.
        predicted: float32 (batch, 2): logit, roll.

    Returns:
        A scalar.
    """
    face, roll, weight = target[:, 0], target[:, 1], target[:, 2]
    soft = face * (1 - 2 * _DOUBT) + _DOUBT
    entropy = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(soft, predicted[:, 0]))
    turned = tf.reduce_sum(tf.abs(predicted[:, 1] - roll) * weight) / (tf.reduce_sum(weight) + 1.0)
    return entropy + _ROLL * turned
