"""The .tflite file: a flatbuffer, and the zip of associated files that may be appended to it."""

from __future__ import annotations

import io
import zipfile

#: Bytes 4 to 8 of every TFLite flatbuffer.
TFLITE_MAGIC = b"TFL3"


def split_model(data: bytes) -> tuple[bytes, bytes]:
    """Split the bytes of a .tflite into the flatbuffer and the zip appended to it.

    Args:
        data: the whole file.

    Returns:
        Both parts; the second is empty when nothing is appended.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            start = min((entry.header_offset for entry in archive.infolist()), default=len(data))
    except (zipfile.BadZipFile, OSError, ValueError):
        return data, b""
    return data[:start], data[start:]
