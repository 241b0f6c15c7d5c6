"""Passes that every converted .tflite goes through."""

from __future__ import annotations

from .deduplicate import deduplicate
from .remove_casts import remove_casts
from .shift_logits import shift_logits


def run_passes(data: bytes) -> bytes:
    """Remove needless casts, shift logits above zero, and store equal parts once.

    Args:
        data: a .tflite without a card, as it was converted.
    """
    # Sharing comes last: the others change bytes in place.
    return deduplicate(shift_logits(remove_casts(data)))
