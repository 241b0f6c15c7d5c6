"""Image files, bytes and arrays as 8-bit pixels; what cannot be read is refused by name."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..common.errors import DataError, FileError, OptionError
from ..common.files import existing

#: Refuse images with more pixels than this before they are decoded. The largest Pi camera gives 64 megapixels.
MAX_PIXELS = 70_000_000
_IMAGES = "a path, bytes, a PIL image, or an array, uint8 (h, w), (h, w, 1) or (h, w, 3)"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".pgm", ".ppm")


def is_image(path: str | Path) -> bool:
    """Return whether a file name has the suffix of an image."""
    return Path(path).suffix.lower() in SUFFIXES


def decode(data: bytes, where: str) -> np.ndarray:
    """Decode the bytes of an image file.

    EXIF rotation is applied, transparency is laid on black, CMYK and palettes become RGB, 16-bit gray is scaled to 8.

    Args:
        data: the file's bytes.
        where: its name, for messages.

    Returns:
        uint8 (h, w) for gray images, (h, w, 3) RGB for all others.

    Raises:
        DataError: empty, cut, not an image, or larger than :data:`MAX_PIXELS`.
    """
    if not data:
        raise DataError(f"{where} is empty", expected="an image", got="0 bytes")
    try:
        with warnings.catch_warnings():
            # Pillow's own bomb check warns at a size that is ordinary for us; ours follows at once.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(data))
        _check_size(image.size, where)
        image.load()
        # In place: a copy of a camera's frame costs as much as finding out that there is nothing to turn.
        ImageOps.exif_transpose(image, in_place=True)
        return _to_uint8(image)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{where} is too large to decode", expected=f"at most {MAX_PIXELS:,} pixels", hint="reduce it first"
        ) from error
    except UnidentifiedImageError as error:
        raise DataError(f"{where} is not an image", expected="PNG, JPEG or another image format") from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise DataError(f"{where} is a damaged image ({error})", hint="replace or remove it") from error


def read_image(path: str | Path) -> np.ndarray:
    """Read an image file; see :func:`decode`.

    Raises:
        FileError: it is not there, a folder, or cannot be decoded.
    """
    path = existing(path, "an image")
    if path.is_dir():
        raise FileError(f"{path} is a folder", expected="an image", hint="name the files in it")
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})") from error
    return decode(data, str(path))


def as_pixels(image: Any, *, color: str = "rgb") -> np.ndarray:
    """Return the pixels of anything that is an image.

    Args:
        image: path of an image file, its bytes, a PIL image, or an array, uint8 (h, w), (h, w, 1) or (h, w, 3).
        color: order of an array's channels, ``"rgb"`` or, as in OpenCV, ``"bgr"``. Files, bytes and PIL images have
            their own.

    Returns:
        uint8 (h, w) for gray images, (h, w, 3) RGB for all others.

    Raises:
        OptionError: an unknown order of channels.
        FileError: the file is not there.
        DataError: anything else, or an image that cannot be decoded.
    """
    if color not in ("rgb", "bgr"):
        raise OptionError("unknown color order", expected="'rgb' or 'bgr'", got=repr(color))
    if isinstance(image, (str, os.PathLike)):
        return read_image(Path(image))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return decode(bytes(image), "the image")
    if isinstance(image, Image.Image):
        _check_size(image.size, "the image")
        if 0 in image.size:
            raise DataError("not an image", expected="at least one pixel", got=f"{image.width} x {image.height}")
        try:
            return _to_uint8(ImageOps.exif_transpose(image))
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            # Pillow reads the pixels of a file only now.
            raise DataError(f"the image is damaged ({error})") from error
    fits = isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.size > 0
    if not fits or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (1, 3))):
        raise DataError("not an image", expected=_IMAGES, got=_described(image), hint=_hint(image))
    _check_size(image.shape[1::-1], "the image")
    if image.ndim == 2 or image.shape[2] == 1:
        return np.ascontiguousarray(image.reshape(image.shape[:2]))
    return np.ascontiguousarray(image[..., ::-1] if color == "bgr" else image)


def _described(image: Any) -> str:
    if isinstance(image, np.ndarray):
        return f"{image.dtype} {image.shape}"
    return f"{type(image).__module__}.{type(image).__qualname__}".removeprefix("builtins.")


def _hint(image: Any) -> str | None:
    if not isinstance(image, np.ndarray):
        return None
    if image.ndim == 3 and image.shape[2] == 4:
        return "drop the alpha channel: image[..., :3]"
    if image.dtype.kind == "f":
        return "scale it to 0...255 and convert it: image.round().astype(np.uint8)"
    if image.ndim == 3 and image.shape[0] in (1, 3):
        return "put the channels last: image.transpose(1, 2, 0)"
    if image.ndim == 4:
        return "give one image after another"
    return None


def _check_size(size: tuple[int, ...], where: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise DataError(
            f"{where} is too large to decode",
            expected=f"at most {MAX_PIXELS:,} pixels",
            got=f"{width:,} x {height:,}",
            hint="reduce it first",
        )


def _to_uint8(image: Image.Image) -> np.ndarray:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return np.clip(np.rint(np.asarray(image, np.float64) / 257), 0, 255).astype(np.uint8)
    if image.mode == "F":
        return np.clip(np.rint(np.asarray(image)), 0, 255).astype(np.uint8)
    if image.mode in ("L", "1"):
        return np.asarray(image.convert("L"))
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        flat = Image.alpha_composite(Image.new("RGBA", layer.size, (0, 0, 0, 255)), layer)
        return np.asarray(flat.convert("L" if image.mode == "LA" else "RGB"))
    return np.asarray(image if image.mode == "RGB" else image.convert("RGB"))
