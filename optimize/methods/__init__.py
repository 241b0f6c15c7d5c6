"""Quantization methods: one file each, listed by name in :data:`METHODS`.

Other packages add a method with an entry point in the group ``edgeemo.methods`` that names a :class:`Method`.
"""

from __future__ import annotations

from ...edge.common.registry import Registry
from .method import Converted, Job, Method, engine

__all__ = ["METHODS", "Converted", "Job", "Method", "columns", "engine"]

_PACKAGE = "edgeemo.optimize.methods"

#: In the order of the table of models: from the largest file to the smallest, the slow one last.
METHODS: Registry[Method] = Registry(
    "quantization method",
    group="edgeemo.methods",
    builtin={
        "float32": f"{_PACKAGE}.float32:method",
        "float16": f"{_PACKAGE}.float16:method",
        "dynamic": f"{_PACKAGE}.dynamic:method",
        "int8": f"{_PACKAGE}.int8:method",
        "int8-float-io": f"{_PACKAGE}.int8_float_io:method",
        "qat": f"{_PACKAGE}.qat:method",
        "int16x8": f"{_PACKAGE}.int16x8:method",
    },
)


def columns() -> tuple[str, ...]:
    """Return the methods that have a column in the table of systems: the reference first."""
    return tuple(name for name in METHODS.builtin if METHODS.load(name).column)
