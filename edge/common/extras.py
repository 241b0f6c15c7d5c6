"""Optional dependencies: which extra of the package brings which module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from .errors import EdgeemoError, MissingExtraError, RuntimeUnavailableError

#: Module that the base install leaves out -> extra that brings it.
EXTRAS = {
    "tensorflow": "train",
    "tf_keras": "train",
    "tensorflow_model_optimization": "train",
    "sklearn": "evaluate",
    "scipy": "evaluate",
    "matplotlib": "evaluate",
}


def explained(error: ImportError) -> EdgeemoError | None:
    """Return the exception that says what to install, or None for an import that no extra explains.

    Args:
        error: failed import of another package.
    """
    package = (error.name or "").split(".")[0]
    if package in EXTRAS:
        return MissingExtraError(package, EXTRAS[package])
    if package == "cv2" or ".so" in str(error):
        return RuntimeUnavailableError(
            f"a library cannot be loaded ({error})",
            hint="without a desktop: pip uninstall opencv-python && pip install 'opencv-python-headless<5'",
        )
    return None


@contextlib.contextmanager
def needing_extras() -> Iterator[None]:
    """Turn the failed import of an optional package within the block into an error that says what to install.

    Raises:
        MissingExtraError: an import failed.
    """
    try:
        yield
    except ImportError as error:
        if known := explained(error):
            raise known from error
        raise
