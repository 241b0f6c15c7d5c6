"""Converters talk (prints, logs, deprecations); what is wrong with a model comes as an exception all the same."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator

from ..edge.common.console import quiet_native


@contextlib.contextmanager
def silence() -> Iterator[None]:
    """Keep a converter's talk off the terminal."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with quiet_native(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
