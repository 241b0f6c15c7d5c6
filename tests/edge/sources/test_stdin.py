"""Standard input through real pipes and files, to the command as a user calls it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sources import Frame
from edgeemo.edge.sources.stdin import RawFormat, RedirectedFile

from ...conftest import raises

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)


def image(level: int, size: tuple[int, int] = (32, 24)) -> np.ndarray:
    """Noise on a level, uint8 (h, w, 3)."""
    noise = np.random.default_rng(level).integers(0, 20, (size[1], size[0], 3))
    return (noise + level).astype(np.uint8)


def jpegs(count: int) -> bytes:
    """Images of rising level as bare MJPEG."""
    stream = io.BytesIO()
    for number in range(count):
        Image.fromarray(image(40 + 10 * number)).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def run(arguments: tuple[object, ...], stdin: Any, **options: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "edgeemo", "run", *map(str, arguments), "--source", "-", "--detector", "none"]
    if isinstance(stdin, bytes):
        options["input"] = stdin
    else:
        options["stdin"] = stdin
    return subprocess.run(command, capture_output=True, timeout=60, **options)


def lines(result: subprocess.CompletedProcess[bytes]) -> list[dict[str, Any]]:
    return [line for line in map(json.loads, result.stdout.splitlines()) if line["type"] == "frame"]


def test_every_image_of_a_redirected_file(tiny_int8: Path, tmp_path: Path) -> None:
    path = tmp_path / "clip.mjpeg"
    path.write_bytes(jpegs(12))
    with path.open("rb") as stream:
        result = run((tiny_int8,), stream)
    assert result.returncode == 0, result.stderr
    assert [line["index"] for line in lines(result)] == list(range(12))
    assert {line["source"] for line in lines(result)} == {"standard input"}


def test_newest_image_of_a_pipe_and_its_end(tiny_int8: Path) -> None:
    images = [jpegs(start + 1)[len(jpegs(start)) :] for start in range(10)]
    command = [sys.executable, "-m", "edgeemo", "run", tiny_int8, "--source", "-", "--detector", "none"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    with process:
        # Until the process has started, images only fill the pipe.
        for image in images * 8:
            process.stdin.write(image)
            process.stdin.flush()
            time.sleep(0.05)
        process.stdin.close()
        assert process.wait(10) == 0
        assert process.stdout is not None
        indices = [line["index"] for line in map(json.loads, process.stdout) if line["type"] == "frame"]
    assert indices[-1] == 79
    assert 10 <= len(indices) <= 80
    assert sorted(set(indices)) == indices


@pytest.mark.parametrize("sent", [b"", b"this is no image" * 1000, jpegs(1)[:300]])
def test_input_without_an_image_is_one_sentence(sent: bytes, tiny_int8: Path) -> None:
    result = run((tiny_int8,), sent)
    assert result.returncode == 1
    assert result.stderr.decode().startswith("Error: standard input has no images, expected JPEG images one after")
    assert len(result.stderr.splitlines()) == 1


def test_closed_input_is_one_sentence(tiny_int8: Path) -> None:
    result = run((tiny_int8,), None, preexec_fn=lambda: os.close(0))
    assert result.returncode == 1
    assert result.stderr.decode() == "Error: standard input is closed; pipe images into it\n"


def encode(image: np.ndarray, pixels: str) -> bytes:
    if pixels == "yuv420":
        import cv2

        return bytes(cv2.cvtColor(image, cv2.COLOR_RGB2YUV_I420).tobytes())
    if pixels == "gray":
        return image[..., 0].tobytes()
    return np.ascontiguousarray(image[..., ::-1] if pixels == "bgr" else image).tobytes()


@pytest.mark.parametrize(("pixels", "tolerance"), [("rgb", 0), ("bgr", 0), ("gray", 0), ("yuv420", 20)])
def test_raw_pixels_have_their_colors(pixels: str, tolerance: int, tmp_path: Path) -> None:
    # One color, because I420 halves the resolution of colors.
    image = np.full((24, 32, 3), (200, 90, 30), np.uint8)
    path = tmp_path / "raw"
    path.write_bytes(encode(image, pixels) * 3 + b"cut")
    with path.open("rb") as stream, RedirectedFile(RawFormat.parse(f"32x24:{pixels}"), stream.fileno()) as source:
        frames = [frame for frame in source if isinstance(frame, Frame)]
    wanted = np.repeat(image[..., :1], 3, axis=2) if pixels == "gray" else image
    assert len(frames) == 3
    assert np.abs(frames[0].image.astype(int) - wanted).max() <= tolerance


@pytest.mark.parametrize("text", ["32x24", "32x24:rgba", "0x24:rgb", "x", "123456x1:rgb"])
def test_a_bad_raw_format_is_refused(text: str) -> None:
    with raises(EdgeemoError, problem="^unknown raw format$", expected="^WIDTHxHEIGHT"):
        RawFormat.parse(text)


def test_yuv420_has_an_even_width() -> None:
    with raises(EdgeemoError, problem="needs an even width", got="^33x24$"):
        RawFormat.parse("33x24:yuv420")


def test_raw_is_for_standard_input(tiny_int8: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edgeemo", "run", tiny_int8, "--source", tmp_path, "--raw", "4x4:rgb"]
    result = subprocess.run(command, capture_output=True, timeout=60)
    assert result.returncode == 2
    assert result.stderr.endswith(b"Error: --raw is for standard input, expected --source -\n")
