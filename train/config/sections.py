"""The sections of a recipe, as data; ``docs/recipes.md`` tells when to use which value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Architecture:
    """Name of a network and its own options."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Data:
    """Data handling: splits that the source does not have itself. Fractions are of all images that are divided.

    Args:
        validation: carved for selection, from a source without a validation split.
        test: left out for evaluation, from a source without a test split; 0 leaves none out.
        folds, fold: validate on part ``fold`` (from 0) of so many instead; 0 folds use ``validation``.
    """

    validation: float = 0.1
    test: float = 0.0
    folds: int = 0
    fold: int = 0


@dataclass(frozen=True)
class Augmentation:
    """Random changes of training images; the defaults change nothing.

    Args:
        rotation: degrees, uniform in plus or minus.
        scale: factor, uniform in [1 - scale, 1 + scale].
        shift: fraction of the side, uniform in plus or minus.
        flip: mirror half of the images.
        contrast: factor around the image's mean, uniform in [1 - contrast, 1 + contrast].
        brightness: fraction of full scale added, uniform in plus or minus.
        erase: probability of random erasing (Zhong et al. 2017, arXiv:1708.04896), of 2 to 20 % of the area.
        mixup: alpha of mixup (Zhang et al. 2018, arXiv:1710.09412); 0 mixes nothing.
        cutmix: alpha of cutmix (Yun et al. 2019, arXiv:1905.04899); 0 cuts nothing. With mixup, each batch gets one.
    """

    rotation: float = 0.0
    scale: float = 0.0
    shift: float = 0.0
    flip: bool = False
    contrast: float = 0.0
    brightness: float = 0.0
    erase: float = 0.0
    mixup: float = 0.0
    cutmix: float = 0.0


@dataclass(frozen=True)
class Loss:
    """Cross-entropy.

    Args:
        label_smoothing: 0 to below 1.
        class_weights: ``none``, ``balanced`` (n / (classes * n_class)) or ``sqrt`` (its square root).
        focal_gamma: gamma of the focal loss (Lin et al. 2017, arXiv:1708.02002); 0 is plain cross-entropy.
        ferplus_head: weight of the loss of a second head that learns FER+'s votes while training; 0 has none.
        teacher: weight of a teacher's probabilities in the targets, 0 to 1; 0 has no teacher.
        teacher_temperature: softens them.
    """

    label_smoothing: float = 0.0
    class_weights: str = "none"
    focal_gamma: float = 0.0
    ferplus_head: float = 0.0
    teacher: float = 0.0
    teacher_temperature: float = 1.0


@dataclass(frozen=True)
class Optimizer:
    """Optimizer of the weights.

    Args:
        name: ``adam``, ``adamw`` (Loshchilov & Hutter 2019, arXiv:1711.05101) or ``sgd`` (Nesterov momentum).
        momentum: of ``sgd``.
        l2: penalty on kernels.
        weight_decay: of ``adamw``: fraction of every weight taken off in a step, times the learning rate.
        precision: in which layers compute while training: ``float32``, or ``bfloat16`` or ``float16`` (mixed).
        ema: decay of an exponential moving average of the weights, which is what is validated and kept; 0 has none.
    """

    name: str = "adam"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    l2: float = 0.0
    weight_decay: float = 0.0
    precision: str = "float32"
    ema: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """Length of training and course of the learning rate.

    Args:
        kind: ``constant``, ``plateau`` (times ``factor`` after ``patience`` epochs without a better validation loss,
            not below ``minimum``) or ``cosine`` (to zero).
        epochs, batch: whole epochs, images per step (shared by all replicas of a strategy).
        warmup: epochs in which the rate rises linearly, for every kind.
    """

    kind: str = "plateau"
    epochs: int = 30
    batch: int = 64
    warmup: float = 0.0
    factor: float = 0.5
    patience: int = 3
    minimum: float = 1e-6


@dataclass(frozen=True)
class Phase:
    """A part of the training that starts over: fresh optimizer, the schedule from its start, the best weights so far.

    Args:
        epochs: at most; early stopping ends the phase, and the next one begins.
        learning_rate: base rate, instead of the optimizer's.
        frozen: train only the classifier, behind the last layer that turns planes into a vector (pooling, Flatten).
    """

    epochs: int
    learning_rate: float
    frozen: bool = False


@dataclass(frozen=True)
class EarlyStopping:
    """Stop after ``patience`` epochs without a better ``monitor``; 0 never stops.

    Args:
        keep: which epoch is the result: the ``best`` by ``monitor``, or the ``last``.
    """

    patience: int = 0
    monitor: str = "val_accuracy"
    keep: str = "best"


@dataclass(frozen=True)
class Qat:
    """Quantization-aware fine-tuning: few epochs at a low learning rate, cosine to zero.

    Args:
        epochs, learning_rate: whole epochs, the rate of the first step.
        distillation: weight of the float model as a teacher beside the labels; 0 learns from the labels alone.
        temperature: of the distillation.
    """

    epochs: int = 3
    learning_rate: float = 1e-4
    distillation: float = 0.0
    temperature: float = 2.0
