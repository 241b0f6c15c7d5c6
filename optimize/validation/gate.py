"""Gates on the change of accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...edge.common.errors import OptionError
from .paired_stats import PairedChange, least_provable
from .report import AccuracyChange


@dataclass(frozen=True)
class Gate:
    """Limits in percentage points, for the upper 95 % bounds of the losses.

    Args:
        max_drop: loss of accuracy.
        max_class_drop: loss of recall of any one class; None for no limit.
    """

    max_drop: float = 1.0
    max_class_drop: float | None = None

    def __post_init__(self) -> None:
        for option, limit in (("--max-drop", self.max_drop), ("--max-class-drop", self.max_class_drop)):
            if limit is not None and limit < 0:
                raise OptionError(f"{option} must not be negative: give the points that may be lost, as 1.0")

    def check(self, report: AccuracyChange) -> GateResult:
        """Compare a change of accuracy with the limits."""
        failed = {} if self.max_class_drop is None else report.failed_classes(self.max_class_drop)
        text = f"the loss is at most {report.worst_loss:.2f} points (upper 95 % bound), allowed are {self.max_drop:g}"
        if self.max_class_drop is not None:
            text += f"; {_class_text(failed, self.max_class_drop)}"
        return GateResult(self, report.passes(self.max_drop) and not failed, tuple(failed), text)


@dataclass(frozen=True)
class GateResult:
    """Result of a gate.

    Args:
        gate: the limits.
        passed: whether all of them were met.
        failed_classes: classes that may have lost more than allowed.
        text: the same, for people.
    """

    gate: Gate
    passed: bool
    failed_classes: tuple[str, ...]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the result for JSON, without the text."""
        return {
            "max_drop": self.gate.max_drop,
            "max_class_drop": self.gate.max_class_drop,
            "failed_classes": list(self.failed_classes),
            "passed": self.passed,
        }


def _class_text(failed: dict[str, PairedChange], allowed: float) -> str:
    if not failed:
        return f"no class lost more than {allowed:g} points of its recall (upper 95 % bounds)"
    found = []
    for name, change in failed.items():
        least = least_provable(change.n)
        why = f", which cannot prove less than {least:.1f}" if least > allowed else ""
        found.append(f"{name} up to {change.worst_loss:.1f} (n = {change.n:,}{why})")
    return f"classes may have lost more than {allowed:g} points of their recall: {', '.join(found)}"
