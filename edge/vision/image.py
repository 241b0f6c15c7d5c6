"""Picture files and bytes to 8-bit pixels, with every odd kind of picture handled or refused by name."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..common.errors import EdgeemoError
from ..common.files import existing

#: Refuse pictures with more pixels than this before they are decoded. The largest Pi camera gives 64 megapixels.
MAX_PIXELS = 70_000_000
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")


def is_picture(path: str | Path) -> bool:
    """Whether the file name ends like that of a picture."""
    return Path(path).suffix.lower() in SUFFIXES


def decode(data: bytes, where: str) -> np.ndarray:
    """Decode the bytes of a picture file.

    EXIF rotation is applied, transparency is laid on black, CMYK and palettes become RGB, 16-bit gray is scaled to 8.

    Args:
        data: the file's bytes.
        where: its name, for messages.

    Returns:
        uint8 (h, w) for gray pictures, (h, w, 3) RGB for all others.

    Raises:
        EdgeemoError: empty, cut, not a picture, or larger than :data:`MAX_PIXELS`.
    """
    if not data:
        raise EdgeemoError(f"{where} is empty", expected="a picture", got="0 bytes")
    try:
        with warnings.catch_warnings():
            # Pillow's own bomb check warns at a size that is ordinary for us; ours follows at once.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(io.BytesIO(data))
        width, height = picture.size
        if width * height > MAX_PIXELS:
            raise EdgeemoError(
                f"{where} is too large to decode",
                expected=f"at most {MAX_PIXELS:,} pixels",
                got=f"{width:,} x {height:,}",
                mend="reduce it first",
            )
        picture.load()
        # In place: a copy of a camera's frame costs as much as finding out that there is nothing to turn.
        ImageOps.exif_transpose(picture, in_place=True)
        return _to_uint8(picture)
    except Image.DecompressionBombError as error:
        raise EdgeemoError(
            f"{where} is too large to decode", expected=f"at most {MAX_PIXELS:,} pixels", mend="reduce it first"
        ) from error
    except UnidentifiedImageError as error:
        raise EdgeemoError(f"{where} is not a picture", expected="PNG, JPEG or another picture format") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise EdgeemoError(f"{where} is a damaged picture ({error})", mend="replace or remove it") from error


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture file; see :func:`decode`.

    Raises:
        EdgeemoError: it is not there, a folder, or cannot be decoded.
    """
    path = existing(path, "a picture")
    if path.is_dir():
        raise EdgeemoError(f"{path} is a folder", expected="a picture", mend="name the files in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EdgeemoError(f"{path} cannot be read ({error.strerror})") from error
    return decode(data, str(path))


def _to_uint8(picture: Image.Image) -> np.ndarray:
    if picture.mode == "I" or picture.mode.startswith("I;16"):
        return np.clip(np.rint(np.asarray(picture, np.float64) / 257), 0, 255).astype(np.uint8)
    if picture.mode == "F":
        return np.clip(np.rint(np.asarray(picture)), 0, 255).astype(np.uint8)
    if picture.mode in ("L", "1"):
        return np.asarray(picture.convert("L"))
    if picture.mode in ("LA", "RGBA", "PA") or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
        return np.asarray(flat.convert("L" if picture.mode == "LA" else "RGB"))
    return np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
