"""Exceptions of the package: plain Python, one tree.

The number is the exit code of a command that ends with the exception::

    EdgeemoError                    1  anything below; catch this one to catch all
    |-- FileError                   1  a path is missing, cannot be read or written, or is taken
    |-- ModelError                  1  a model or its card cannot be used
    |   |-- DelegateError           1  a delegate refused the model, or was lost while it ran
    |   `-- FrameLost               1  the model gave no answer for one frame; the next may be answered
    |       `-- Stopped             1  nobody waits for the answer any more: the run ends
    |-- DataError                   1  an image, a data set or a benchmark record cannot be used
    |-- RecipeError                 1  a training recipe is wrong
    |-- CameraError                 1  a camera, a stream or another source of frames fails
    |-- OutputError                 1  a sink cannot be opened, or lost what it should deliver
    |-- DeploymentError             1  a device cannot be reached, or refuses an installation
    |-- RuntimeUnavailableError     1  a TFLite runtime, a library or a tool of this machine cannot be used
    |-- MissingExtraError           1  an optional dependency is not installed
    |-- OptionError                 2  an option or argument is wrong, or two do not go together
    `-- GateError                   3  a quality gate was not met

Only the command line turns them into messages and exit codes (:mod:`edgeemo.edge.commands.group`).
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_GATE_FAILED = 3


class EdgeemoError(Exception):
    """A failure that the user can do something about; ``str()`` is one sentence.

    Args:
        problem: what is wrong, naming the file, option or device.
        expected: what would have been right.
        got: what was there instead.
        hint: what to do about it.
    """

    exit_code = EXIT_ERROR

    def __init__(
        self, problem: str, *, expected: str | None = None, got: str | None = None, hint: str | None = None
    ) -> None:
        self.problem, self.expected, self.got, self.hint = problem, expected, got, hint
        parts = [problem]
        if expected is not None:
            parts.append(f"expected {expected}")
        if got is not None:
            parts.append(f"got {got}")
        text = ", ".join(parts)
        super().__init__(f"{text}; {hint}" if hint else text)


class FileError(EdgeemoError):
    """A path is missing, cannot be read or written, or is taken."""


class ModelError(EdgeemoError):
    """A model or its card cannot be used."""


class DelegateError(ModelError):
    """A delegate refused the model, or was lost while it ran; the CPU may still be able to run the model."""


class FrameLost(ModelError):
    """The model gave no answer for one frame; the next may be answered."""


class Stopped(FrameLost):
    """Nobody waits for the model's answer any more: the run ends."""


class DataError(EdgeemoError):
    """An image, a data set or a benchmark record cannot be used."""


class RecipeError(EdgeemoError):
    """A training recipe is wrong."""


class CameraError(EdgeemoError):
    """A camera, a stream or another source of frames fails."""


class OutputError(EdgeemoError):
    """A sink cannot be opened, or lost what it should deliver."""


class DeploymentError(EdgeemoError):
    """A device cannot be reached, or refuses an installation."""


class RuntimeUnavailableError(EdgeemoError):
    """A TFLite runtime, a library or a tool of this machine cannot be used."""


class MissingExtraError(EdgeemoError):
    """An optional dependency is not installed.

    Args:
        package: name of the missing package.
        extra: extra of edgeemo that brings it.
    """

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package!r}, which is not installed",
            hint=f"install it with: pip install 'edgeemo[{extra}]'",
        )


class OptionError(EdgeemoError):
    """An option or argument is wrong, or two do not go together."""

    exit_code = EXIT_USAGE


class GateError(EdgeemoError):
    """A quality gate (accuracy, latency) was not met."""

    exit_code = EXIT_GATE_FAILED
