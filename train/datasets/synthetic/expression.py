"""The seven emotions as facial action units.

The prototypes follow EMFACS (Friesen & Ekman, "EMFACS-7: Emotional Facial Action Coding System", unpublished
manual, University of California, 1983; units as in Ekman & Friesen, "Facial Action Coding System", 1978): anger
4+5+7+23, disgust 9+15+16, fear 1+2+4+5+7+20+26, happiness 6+12, sadness 1+4+15, surprise 1+2+5+26. The strengths
beside the units are ours, as are the parted lips (25) that often go with fear and happiness.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np

EMOTIONS: tuple[str, ...] = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


@dataclass(frozen=True, slots=True)
class ActionUnits:
    """Strengths of the action units that the drawing knows: 0 is relaxed, 1 is as far as it goes."""

    au1: float = 0.0  # inner brow raiser
    au2: float = 0.0  # outer brow raiser
    au4: float = 0.0  # brow lowerer
    au5: float = 0.0  # upper lid raiser
    au6: float = 0.0  # cheek raiser
    au7: float = 0.0  # lid tightener
    au9: float = 0.0  # nose wrinkler
    au12: float = 0.0  # lip corner puller
    au15: float = 0.0  # lip corner depressor
    au16: float = 0.0  # lower lip depressor
    au20: float = 0.0  # lip stretcher
    au24: float = 0.0  # lip tightener and presser (23 and 24, which a drawing cannot tell apart)
    au25: float = 0.0  # lips part
    au26: float = 0.0  # jaw drop and mouth stretch (26 and 27, one movement of two sizes)


PROTOTYPES: dict[str, ActionUnits] = {
    "angry": ActionUnits(au4=1.0, au5=0.5, au7=0.8, au24=0.9),
    "disgust": ActionUnits(au4=0.3, au9=1.0, au15=0.6, au16=0.7, au25=0.3),
    "fear": ActionUnits(au1=0.9, au2=0.5, au4=0.5, au5=0.9, au7=0.2, au20=1.0, au25=0.6, au26=0.3),
    "happy": ActionUnits(au6=0.8, au12=1.0, au25=0.7),
    "sad": ActionUnits(au1=1.0, au4=0.5, au15=1.0),
    "surprise": ActionUnits(au1=0.9, au2=1.0, au5=0.8, au26=1.0),
    "neutral": ActionUnits(),
}

_VECTORS = {emotion: np.array(astuple(units)) for emotion, units in PROTOTYPES.items()}

# Above 1 the drawn lids and lips would cross each other.
STRONGEST = 1.1
# Posed faces are rarely faint and rarely at the limit; the faint end is where emotions become confusable.
WEAKEST_EXPRESSION = 0.55
# People leave units of a prototype out; at this rate most faces still show at least two of theirs.
UNIT_DROPOUT = 0.07
# Tension that has nothing to do with the emotion, in every unit.
STRAY_TENSION = 0.05
# Somebody who is talking opens the mouth whatever the emotion.
TALKING = 0.15


def sample_units(emotion: str, rng: np.random.Generator) -> ActionUnits:
    """Sample a way of showing an emotion: varied in strength, with units missing and units astray.

    Args:
        emotion: A name of `EMOTIONS`.
        rng: Where the variation comes from.

    Returns:
        Strengths between 0 and 1.1.
    """
    prototype = _VECTORS[emotion]
    strength = WEAKEST_EXPRESSION + (1.0 - WEAKEST_EXPRESSION) * rng.beta(2.2, 1.4)
    values = prototype * strength * rng.uniform(0.75, 1.25, prototype.size)
    values *= rng.random(prototype.size) >= UNIT_DROPOUT
    values += np.abs(rng.normal(0.0, STRAY_TENSION, prototype.size))
    talking, parted, dropped = rng.random(3)
    if talking < TALKING:
        values[-2] += 0.6 * parted
        values[-1] += 0.3 * dropped
    return ActionUnits(*np.clip(values, 0.0, STRONGEST).tolist())


def blend_units(first: ActionUnits, second: ActionUnits, share: float) -> ActionUnits:
    """Return the expression on the way from one to another.

    Args:
        first: The expression at `share` 0.
        second: The expression at `share` 1.
        share: How far along, 0 to 1.

    Returns:
        Linear mixture of both, unit by unit.
    """
    mixed = (1.0 - share) * np.array(astuple(first)) + share * np.array(astuple(second))
    return ActionUnits(*mixed.tolist())
