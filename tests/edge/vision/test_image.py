"""Every odd kind of image is decoded or refused by name."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.image import decode, is_image, read_image

from ...conftest import raises


def png_bomb(side: int) -> bytes:
    """A white 1-bit PNG of ``side`` x ``side`` pixels in a few kilobytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\xff" * ((side + 7) // 8)) * side, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


@pytest.mark.parametrize(
    ("image", "pixel"),
    [
        pytest.param(Image.new("L", (3, 2), 77), 77, id="gray"),
        pytest.param(Image.new("1", (3, 2), 1), 255, id="1-bit"),
        pytest.param(Image.new("LA", (3, 2), (200, 255)), 200, id="gray with alpha"),
        pytest.param(Image.new("LA", (3, 2), (200, 0)), 0, id="transparent gray is black"),
        pytest.param(Image.fromarray(np.full((2, 3), 65535, np.uint16)), 255, id="16-bit white"),
        pytest.param(Image.fromarray(np.full((2, 3), 100 * 257, np.uint16)), 100, id="16-bit gray"),
        pytest.param(Image.new("RGB", (3, 2), (10, 20, 30)), (10, 20, 30), id="RGB"),
        pytest.param(Image.new("RGBA", (3, 2), (10, 20, 30, 255)), (10, 20, 30), id="RGBA"),
        pytest.param(Image.new("RGBA", (3, 2), (255, 255, 255, 0)), (0, 0, 0), id="transparent is black"),
        pytest.param(Image.new("RGB", (3, 2), (0, 0, 255)).convert("P"), (0, 0, 255), id="palette"),
    ],
)
def test_png_is_decoded(image: Image.Image, pixel: object) -> None:
    pixels = decode(encoded(image), "it")
    assert pixels.dtype == np.uint8
    assert pixels.shape[:2] == (2, 3)
    assert pixels[0, 0].tolist() == (list(pixel) if isinstance(pixel, tuple) else pixel)


def test_cmyk_jpeg_becomes_rgb() -> None:
    pixels = decode(encoded(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), "it")
    assert np.abs(pixels[8, 8].astype(int) - (255, 0, 0)).max() <= 3


def test_exif_rotation_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90 degrees clockwise
    image = Image.new("RGB", (40, 20))
    image.paste((255, 0, 0), (0, 0, 20, 20))
    pixels = decode(encoded(image, "JPEG", exif=exif), "it")
    assert pixels.shape == (40, 20, 3)
    assert pixels[5, 10, 0] > 200
    assert pixels[35, 10, 0] < 50


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        pytest.param(b"", "it is empty, expected an image, got 0 bytes", id="0 bytes"),
        pytest.param(b"not an image at all\n", "it is not an image, expected PNG, JPEG", id="text"),
        pytest.param(encoded(noise(64, 64), "JPEG")[:900], "it is a damaged image", id="cut JPEG"),
        pytest.param(encoded(noise(64, 64))[:900], "it is a damaged image", id="cut PNG"),
        pytest.param(png_bomb(20_000), "it is too large to decode", id="PNG bomb"),
    ],
)
def test_bad_bytes_give_one_sentence(data: bytes, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        decode(data, "it")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


def test_bomb_is_a_small_file() -> None:
    assert len(png_bomb(20_000)) < 100_000


def test_text_named_png_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_text("hello")
    with raises(EdgeemoError, problem=r"text\.png is not an image"):
        read_image(path)


@pytest.mark.parametrize(
    ("name", "sentence"), [("absent.png", "absent.png is not there, expected an image"), ("", "is a folder")]
)
def test_bad_path_gives_one_sentence(tmp_path: Path, name: str, sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        read_image(tmp_path / name)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(("name", "expected"), [("a.JPG", True), ("a.png", True), ("a.avi", False), ("png", False)])
def test_images_are_known_by_their_suffix(name: str, expected: bool) -> None:
    assert is_image(name) is expected
