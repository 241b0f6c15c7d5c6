"""What is done to every .tflite that a converter has made, before anybody measures it."""

from __future__ import annotations

from .deduplicate import deduplicate
from .remove_casts import remove_casts
from .shift_logits import shift_logits


def run_passes(data: bytes) -> bytes:
    """Without bridges between integer and float, with logits above zero, and equal parts stored once.

    Args:
        data: a .tflite without a card, as it was converted.
    """
    # Sharing comes last: the others change bytes in place.
    return deduplicate(shift_logits(remove_casts(data)))
