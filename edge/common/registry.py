"""Registries of plug-ins: names, and objects that are imported when they are asked for.

What ships stands in a table; other packages add to it by an entry point in the registry's group. Nothing is scanned
and nothing is imported until :meth:`Registry.load` asks for it.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.metadata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar, cast

from .errors import EdgeemoError, OptionError

_Plugin = TypeVar("_Plugin")


@dataclass(frozen=True)
class Registry(Generic[_Plugin]):
    """Plug-ins of one kind.

    Args:
        kind: singular noun for messages, such as ``"detector"``.
        group: entry-point group that other packages join by, such as ``"edgeemo.detectors"``.
        builtin: name -> ``"module:attribute"``; the module is absolute. A built-in name cannot be replaced.
    """

    kind: str
    group: str
    builtin: Mapping[str, str]

    def names(self) -> list[str]:
        """Return the names of all plug-ins: those that ship in the order of their table, then those of others."""
        others = {point.name for point in importlib.metadata.entry_points(group=self.group)}
        return [*self.builtin, *sorted(others - set(self.builtin))]

    def __contains__(self, name: object) -> bool:
        return name in self.builtin or name in self.names()

    def load(self, name: str) -> _Plugin:
        """Import a plug-in.

        Args:
            name: one of :meth:`names`.

        Raises:
            OptionError: no plug-in has this name.
            OptionError: that of another package cannot be imported.
            ImportError: a built-in plug-in needs a package that is not installed.
        """
        if name in self.builtin:
            module, _, attribute = self.builtin[name].partition(":")
            return cast(_Plugin, getattr(importlib.import_module(module), attribute))
        for point in importlib.metadata.entry_points(group=self.group):
            if point.name == name:
                return self._load(point)
        close = difflib.get_close_matches(name, self.names(), n=1)
        raise OptionError(
            f"unknown {self.kind}",
            expected="one of " + ", ".join(self.names()),
            got=repr(name),
            hint=f"did you mean {close[0]}?" if close else None,
        )

    def _load(self, point: importlib.metadata.EntryPoint) -> _Plugin:
        try:
            return cast(_Plugin, point.load())
        except Exception as error:
            # Whatever somebody else's module does on import, the message says whose it is.
            package = point.dist.name if point.dist else "another package"
            raise EdgeemoError(
                f"the {self.kind} {point.name!r} of {package} cannot be loaded ({type(error).__name__}: {error})",
                hint=f"update or uninstall {package}",
            ) from error
