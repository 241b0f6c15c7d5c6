"""Deduplication of equal parts of a .tflite.

Every filter of a per-channel model brings two zero points of eight bytes, for its weights and for its bias, and all of
them are 0: a tenth of a net of 70,000 parameters. FlatBuffers allows that tables share a vector; the converter's writer
does not make use of it.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np

#: Beyond it there is nothing to be gained, and a copy in memory to be lost.
LARGEST = 1 << 24
_IDENTIFIER = b"TFL3"


def deduplicate(data: bytes) -> bytes:
    """Store equal vectors and names of a .tflite once.

    Args:
        data: a flatbuffer without a card.

    Returns:
        The same model in fewer bytes; the same bytes where there is nothing to share, where constants
        stand behind the flatbuffer, or above :data:`LARGEST`.
    """
    if len(data) > LARGEST:
        return data
    from tensorflow.lite.python import schema_py_generated as schema

    root = schema.Model.GetRootAs(data, 0)
    if any(root.Buffers(place).Offset() > 1 for place in range(root.BuffersLength())):
        # Constants that stand behind the flatbuffer, by their place in the file.
        return data
    builder = _Sharing(len(data))
    model = schema.ModelT.InitFromObj(root)
    builder.Finish(model.Pack(builder), file_identifier=_IDENTIFIER)
    written = bytes(builder.Output())
    return written if len(written) < len(data) else data


class _Sharing(flatbuffers.Builder):
    """A builder that writes a vector or a string only once."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        """See the base class."""
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def CreateString(self, s: Any, *arguments: Any) -> int:
        """See the base class."""
        key = ("text", s.encode() if isinstance(s, str) else bytes(s))
        if key not in self._written:
            self._written[key] = super().CreateString(s, *arguments)
        return self._written[key]
