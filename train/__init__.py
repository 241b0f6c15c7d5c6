"""Data sets, architectures, recipes, the training loop and evaluation.

Imports ``edge`` and nothing else of the project. The package is callable: ``edgeemo.train(...)`` is
:func:`edgeemo.train.api.train`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .fit.run import Run


class _Package(ModuleType):
    """The package has the name of the function that people look for in it."""

    def __call__(self, *arguments: Any, **options: Any) -> Run:
        from .api import train

        return train(*arguments, **options)

    @property
    def __signature__(self) -> Any:
        import inspect

        from .api import train

        return inspect.signature(train)


sys.modules[__name__].__class__ = _Package
