"""One family of errors: a sentence that says what was wrong, what was expected, what was got, and how to fix it."""

from __future__ import annotations

import click

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_GATE_FAILED = 3


class EdgeemoError(click.ClickException):
    """A failure that the user can hint. Shown as one sentence, without a traceback; exit code 1.

    Args:
        problem: what was wrong, naming the file, option or device.
        expected: what would have been right.
        got: what was there instead.
        hint: what to do about it.
    """

    exit_code = EXIT_ERROR

    def __init__(
        self, problem: str, *, expected: str | None = None, got: str | None = None, hint: str | None = None
    ) -> None:
        parts = [problem]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        text = ", ".join(parts)
        super().__init__(f"{text}; {hint}" if hint else text)


class GateFailed(EdgeemoError):
    """A quality gate (accuracy drift, latency regression) was not met; exit code 3."""

    exit_code = EXIT_GATE_FAILED


class MissingExtra(EdgeemoError):
    """A command needs packages that the base install leaves out."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package!r}, which is not installed",
            hint=f"install it with: pip install 'edgeemo[{extra}]'",
        )
