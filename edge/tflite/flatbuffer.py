"""A reader of FlatBuffers, the container format of .tflite, that trusts nothing in the file.

Format: https://flatbuffers.dev/internals. Offsets and lengths are checked against the size of the file, so that a cut
or hostile file ends in :class:`ValueError`, never in a crash, an endless loop or memory without bounds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass


class Buffer:
    """The bytes of a flatbuffer.

    Args:
        data: the whole file.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        # Vectors may overlap; no honest file shares so many that more elements are read than it has bytes.
        self._left = len(data)

    def unpack(self, kind: str, position: int) -> int:
        """Return the little-endian number of a :mod:`struct` format at a byte position."""
        if position < 0:
            raise ValueError(f"offset {position} lies before the file")
        try:
            value: int = struct.unpack_from(f"<{kind}", self.data, position)[0]
        except struct.error as error:
            raise ValueError(f"offset {position} lies behind the end") from error
        return value

    def count(self, position: int, size: int) -> int:
        """Return the number of elements of the vector at ``position``, of ``size`` bytes each."""
        count = self.unpack("I", position)
        if position + 4 + count * size > len(self.data):
            raise ValueError(f"a vector of {count} elements does not fit into the file")
        return count

    def spend(self, count: int) -> None:
        """Count elements that are read."""
        self._left -= count
        if self._left < 0:
            raise ValueError("its parts overlap")

    @property
    def root(self) -> Table:
        """The outermost table."""
        return Table(self, self.unpack("I", 0))


@dataclass(frozen=True)
class Table:
    """A table: fields by their number in the schema, absent ones have the schema's default.

    Args:
        buffer: where it is.
        position: byte offset in it.
    """

    buffer: Buffer
    position: int

    def number(self, field: int, kind: str = "i", default: int = 0) -> int:
        """Return a number of a :mod:`struct` format: ``b``, ``B``, ``h``, ``i``, ``I``, ``q``, ``Q`` or ``f``."""
        place = self._place(field)
        return self.buffer.unpack(kind, place) if place else default

    def numbers(self, field: int, kind: str = "i") -> tuple[int, ...]:
        """Return a vector of numbers."""
        place = self._target(field)
        if not place:
            return ()
        count = self.buffer.count(place, struct.calcsize(f"<{kind}"))
        self.buffer.spend(count)
        return struct.unpack_from(f"<{count}{kind}", self.buffer.data, place + 4)

    def raw(self, field: int) -> memoryview:
        """Return a vector of bytes, not copied."""
        place = self._target(field)
        if not place:
            return memoryview(b"")
        return memoryview(self.buffer.data)[place + 4 : place + 4 + self.buffer.count(place, 1)]

    def text(self, field: int) -> str:
        """Return a string; bytes that are not UTF-8, and control characters, are replaced."""
        value = self.raw(field)
        self.buffer.spend(len(value))
        text = bytes(value).decode("utf-8", "replace")
        return text if text.isprintable() else "".join(sign if sign.isprintable() else "\ufffd" for sign in text)

    def vector(self, field: int) -> int:
        """Return the byte offset of a vector's length, which its elements follow; 0 when it is absent."""
        return self._target(field)

    def table(self, field: int) -> Table | None:
        """Return a table inside this one, or None."""
        place = self._target(field)
        return Table(self.buffer, place) if place else None

    def tables(self, field: int) -> Iterator[Table]:
        """Yield the tables of a vector."""
        place = self._target(field)
        if not place:
            return
        count = self.buffer.count(place, 4)
        self.buffer.spend(count)
        for entry in range(place + 4, place + 4 + 4 * count, 4):
            yield Table(self.buffer, entry + self.buffer.unpack("I", entry))

    def _place(self, field: int) -> int:
        """Byte offset of a field's value; 0 when it is absent."""
        vtable = self.position - self.buffer.unpack("i", self.position)
        offset = 4 + 2 * field
        if offset + 2 > self.buffer.unpack("H", vtable):
            return 0
        inside = self.buffer.unpack("H", vtable + offset)
        return self.position + inside if inside else 0

    def _target(self, field: int) -> int:
        """Byte offset to which a field refers; 0 when it is absent."""
        place = self._place(field)
        return place + self.buffer.unpack("I", place) if place else 0
