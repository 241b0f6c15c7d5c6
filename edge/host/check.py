"""What an examination found: a fact, whether it is in order, and what to do when it is not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class CheckStatus(str, Enum):
    """How good a finding is. ``PROBLEM`` is kept for what stops edgeemo from running at all."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Check:
    """One fact about a machine.

    Args:
        area: what it is about (``camera``, ``runtime``).
        text: the fact.
        status: whether it is in order.
        hint: what to do about it; empty when there is nothing to be done.
    """

    area: str
    text: str
    status: CheckStatus = CheckStatus.OK
    hint: str = ""


def warning(area: str, text: str, hint: str) -> Check:
    """Something works worse than it could, or not at all, but edgeemo runs."""
    return Check(area, text, CheckStatus.WARNING, hint)


def problem(area: str, text: str, hint: str) -> Check:
    """Nothing can be classified until this is fixed."""
    return Check(area, text, CheckStatus.PROBLEM, hint)
