"""What is done to every .tflite that a converter has made, before anybody measures it."""

from __future__ import annotations

from .deduplicate import compact
from .remove_casts import without_bridges
from .shift_logits import lifted


def finished(data: bytes) -> bytes:
    """Without bridges between integer and float, with logits above zero, and equal parts stored once.

    Args:
        data: a .tflite without a card, as it was converted.
    """
    # Sharing comes last: the others change bytes in place.
    return compact(lifted(without_bridges(data)))
