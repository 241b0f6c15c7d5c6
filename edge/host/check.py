"""Result of one check of the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CheckStatus(str, Enum):
    """Outcome of a check. ``PROBLEM`` is for what stops edgeemo from running at all."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """Result of one check of a machine.

    Args:
        area: part of the machine (``camera``, ``runtime``).
        text: the fact.
        status: whether it is in order.
        hint: remedy; empty when there is nothing to do.
    """

    area: str
    text: str
    status: CheckStatus = CheckStatus.OK
    hint: str = ""


def warning(area: str, text: str, hint: str) -> Check:
    """Return the check of something that works badly or not at all while edgeemo runs."""
    return Check(area, text, CheckStatus.WARNING, hint)


def problem(area: str, text: str, hint: str) -> Check:
    """Return the check of something that has to be fixed before anything can be classified."""
    return Check(area, text, CheckStatus.PROBLEM, hint)
