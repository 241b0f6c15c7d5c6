"""JPEG images cut out of streams that are fed in pieces of any size."""

from __future__ import annotations

import io
import random
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.sources.jpeg import MOST_BYTES, JpegSplitter, decode_jpeg
from edgeemo.edge.vision.image import decode
from edgeemo.edge.vision.opencv import to_rgb


def photo() -> Image.Image:
    noise = np.random.default_rng(3).integers(0, 256, (60, 90, 3), np.uint8)
    return Image.fromarray(cv2.GaussianBlur(noise, (0, 0), 2))


def saved(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **options)
    return stream.getvalue()


def jpeg(seed: int, **options: Any) -> bytes:
    pixels = np.random.default_rng(seed).integers(0, 256, (40, 56, 3), np.uint8)
    return saved(Image.fromarray(pixels), **options)


def with_thumbnail(seed: int) -> bytes:
    """A JPEG with another in its header, as cameras write it."""
    whole, inner = jpeg(seed), b"Exif\0\0" + jpeg(seed + 1)
    return whole[:2] + b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner + whole[2:]


IMAGES = {
    "plain": [jpeg(number) for number in range(4)],
    "progressive": [jpeg(number, progressive=True) for number in range(4)],
    "restart markers": [jpeg(number, restart_marker_rows=1) for number in range(4)],
    "thumbnails": [with_thumbnail(number) for number in range(4)],
}
BETWEEN = {
    "nothing": b"",
    "multipart": b"\r\n--frame\r\nContent-Type: image/jpeg\r\nContent-Length: 1\r\n\r\n",
    "ff": b"\xff",
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("images", IMAGES.values(), ids=IMAGES)
@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 20])
def test_images_come_out_as_they_went_in(images: list[bytes], between: bytes, size: int) -> None:
    stream = between + between.join(images) + between
    splitter, found = JpegSplitter(), []
    for start in range(0, len(stream), size):
        found += splitter.feed(stream[start : start + size])
    assert found == images


def test_stream_that_begins_in_mid_image_is_joined() -> None:
    assert JpegSplitter().feed(jpeg(0)[200:] + jpeg(1)) == [jpeg(1)]


def test_damage_costs_images_but_not_the_stream() -> None:
    chance = random.Random(0)
    stream = bytearray(b"".join(jpeg(number) for number in range(60)))
    for _ in range(20):
        stream[chance.randrange(len(stream))] = chance.randrange(256)
    splitter = JpegSplitter()
    found = [image for start in range(0, len(stream), 500) for image in splitter.feed(stream[start : start + 500])]
    intact = {jpeg(number) for number in range(60)}
    assert len(intact & set(found)) >= 30


def test_endless_image_does_not_fill_the_memory() -> None:
    splitter = JpegSplitter()
    splitter.feed(b"\xff\xd8\xff\xda\0\2")
    for _ in range(2 * MOST_BYTES >> 20):
        splitter.feed(bytes(1 << 20))
        assert splitter.rest <= MOST_BYTES + (1 << 20)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff", jpeg(0)[:300]])
def test_damaged_image_is_none(data: bytes, capfd: pytest.CaptureFixture[str]) -> None:
    assert decode_jpeg(data, "camera") is None
    assert capfd.readouterr() == ("", "")


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x112] = 6
    return exif


@pytest.mark.parametrize(
    "data",
    [
        saved(photo(), quality=80),
        saved(photo(), quality=95, subsampling=0, restart_marker_rows=1),
        saved(photo(), progressive=True),
        saved(photo().convert("L")),
        saved(photo().convert("CMYK")),
        saved(photo(), exif=turned()),
    ],
    ids=["ordinary", "fine", "progressive", "gray", "CMYK", "turned"],
)
def test_a_stream_s_pixels_are_those_of_a_file(data: bytes) -> None:
    assert np.array_equal(decode_jpeg(data, "camera"), to_rgb(decode(data, "file")))


def test_an_image_that_says_it_is_huge_is_not_decoded() -> None:
    data = saved(photo())
    at = data.index(b"\xff\xc0") + 5
    assert decode_jpeg(data[:at] + b"\xff\xff\xff\xff" + data[at + 4 :], "camera") is None
