"""What a Raspberry Pi 5 draws, by its power controller."""

from __future__ import annotations

import re

from ..edge.host.hardware import vcgencmd

_READING = re.compile(r"(\w+)_([AV])\s+(?:current|volt)\(\d+\)=([0-9.]+)[AV]")


def read_power() -> float | None:
    """Watts of all rails together that the power controller measures, or None where it does not tell.

    The rails are behind the board's own converters: USB devices and losses are not in it, so a wall meter shows more.
    ``vcgencmd pmic_read_adc`` is taken from the PATH; boards before the Pi 5 answer with an error.
    """
    return total_watts(vcgencmd("pmic_read_adc"))


def total_watts(answer: str) -> float | None:
    """Sum of current times voltage over the rails that have both, or None when none has.

    Args:
        answer: of ``vcgencmd pmic_read_adc``: lines such as ``VDD_CORE_A current(7)=0.72592000A`` and
            ``VDD_CORE_V volt(15)=0.72010480V``, paired by name; ``EXT5V_V`` and ``BATT_V`` have no current.
    """
    found: dict[str, dict[str, float]] = {"A": {}, "V": {}}
    for rail, unit, value in _READING.findall(answer):
        found[unit][rail] = float(value)
    both = found["A"].keys() & found["V"].keys()
    return sum(found["A"][rail] * found["V"][rail] for rail in both) if both else None
