"""Names of the emotions, their order, and the spellings under which other data sets have them."""

from __future__ import annotations

from collections.abc import Iterable

#: Order of FER-2013's label numbers 0 to 6 (Goodfellow et al. 2013, arXiv:1307.0414).
CANONICAL = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")

_ALIASES = {
    "anger": "angry",
    "disgusted": "disgust",
    "fearful": "fear",
    "afraid": "fear",
    "happiness": "happy",
    "sadness": "sad",
    "surprised": "surprise",
}


def canonical_name(name: str) -> str:
    """Lower-case name without surrounding blanks, known synonyms replaced (``Happiness`` -> ``happy``)."""
    plain = name.strip().lower()
    return _ALIASES.get(plain, plain)


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Return class names in canonical order when all are emotions of FER-2013, else in alphabetical order.

    Args:
        names: class names, in any order, repetitions allowed.
    """
    found = set(names)
    if found <= set(CANONICAL):
        return tuple(name for name in CANONICAL if name in found)
    return tuple(sorted(found))
