"""Frames from real files, and from a V4L2 camera that OpenCV opens by its real back end."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sources import Frame, open_source

from ...conftest import raises

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images, each of its own red, written in another order than that of their names."""
    path = tmp_path / "images"
    path.mkdir()
    for name, red in (("c.png", 30), ("a.png", 10), ("b.jpg", 20)):
        Image.new("RGB", (32, 24), (red, 0, 0)).save(path / name, quality=95)
    (path / "notes.txt").write_text("not an image")
    return path


def frames_of(text: object, warnings: list[str] | None = None) -> list[Frame]:
    def warn(sentence: str) -> None:
        assert warnings is not None, sentence
        warnings.append(sentence)

    with open_source(str(text), warn=warn) as source:
        return list(source)


def test_folder_gives_its_images_by_name(folder: Path) -> None:
    frames = frames_of(folder)
    assert [Path(frame.name).name for frame in frames] == ["a.png", "b.jpg", "c.png"]
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.time_s for frame in frames] == [None] * 3
    assert [round(frame.image[..., 0].mean() / 10) for frame in frames] == [1, 2, 3]


def test_one_image_is_one_frame(folder: Path) -> None:
    assert [frame.image.shape for frame in frames_of(folder / "a.png")] == [(24, 32, 3)]


def test_gray_image_becomes_rgb(tmp_path: Path) -> None:
    Image.new("L", (5, 4), 7).save(tmp_path / "gray.png")
    assert (frames_of(tmp_path / "gray.png")[0].image == np.full((4, 5, 3), 7)).all()


def test_video_gives_every_frame_with_its_time(clip_avi: Path) -> None:
    frames = frames_of(clip_avi)
    assert [frame.index for frame in frames] == list(range(30))
    assert [frame.time_s for frame in frames] == pytest.approx(np.arange(30) / 25)
    assert {(frame.name, frame.image.shape, str(frame.image.dtype)) for frame in frames} == {
        (str(clip_avi), (480, 640, 3), "uint8")
    }


def test_video_is_rgb(clip_avi: Path, clip: list[tuple[np.ndarray, Any]]) -> None:
    difference = frames_of(clip_avi)[3].image.astype(int) - clip[3][0]
    assert np.abs(difference).mean() < 8


def test_video_under_a_relative_name_with_a_colon(
    clip_avi: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("12:30.avi").symlink_to(clip_avi)
    assert len(frames_of("12:30.avi")) == 30


@pytest.mark.parametrize("name", ["images", "clip"])
def test_stop_ends_after_the_frame_in_hand(name: str, folder: Path, clip_avi: Path) -> None:
    with open_source(str(folder if name == "images" else clip_avi)) as source:
        seen = 0
        for _ in source:
            seen += 1
            source.stop()
    assert seen == 1


def test_broken_image_in_a_folder_is_reported_and_passed_over(folder: Path) -> None:
    (folder / "b.jpg").write_bytes(b"")
    warnings: list[str] = []
    with open_source(str(folder), warn=warnings.append) as source:
        names = [Path(frame.name).name for frame in source]
    assert names == ["a.png", "c.png"]
    assert source.skipped == 1
    assert [warning.split(", ")[0] for warning in warnings] == [f"{folder / 'b.jpg'} is empty"]


def test_folder_of_broken_images_is_an_error(folder: Path) -> None:
    for path in folder.iterdir():
        path.write_text("x")
    with raises(EdgeemoError, problem="none of the 3 images can be read"):
        frames_of(folder, [])


def test_cut_video_gives_what_there_is_and_says_so(clip_avi: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.avi"
    data = clip_avi.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    warnings: list[str] = []
    frames = frames_of(path, warnings)
    assert 5 < len(frames) < 20
    assert len(warnings) == 1
    assert warnings[0].endswith(f"cut.avi ends after {len(frames)} of its 30 frames, the rest cannot be decoded")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("absent.mp4", "absent.mp4 is not there, expected a video, an image, a folder"),
        ("nothing", "nothing has no images, expected files ending in .png"),
        ("empty.mp4", "empty.mp4 is empty, expected a video, got 0 bytes"),
        ("text.mp4", "text.mp4 cannot be decoded, expected a video"),
        ("text.png", "text.png is not an image"),
        ("pipe", "pipe is not a file"),
        ("ftp://user:secret@host/x", "the source is an address of an unknown kind, expected rtsp://"),
        ("rtsp://user:secret@/x", "the rtsp:// address of the source is malformed"),
        ("http://user:secret@127.0.0.1:99999/x", "the http:// address of the source is malformed"),
        ("http://user:secret@127.0.0.1:1/x?pwd=secret", "camera http://127.0.0.1:1/x cannot be opened (Connection ref"),
        ("rtsp://user:secret@127.0.0.1:1/x", "camera rtsp://127.0.0.1:1/x cannot be opened (no answer"),
        ("77", "camera 77 (/dev/video77) cannot be opened"),
        ("/dev/video77", "camera 77 (/dev/video77) cannot be opened"),
        ("/dev/v4l/by-id/gone", "camera /dev/v4l/by-id/gone cannot be opened"),
        ("1700", "no such camera, expected a number from 0 to 255, got 1700"),
        ("-1", "-1 is not there"),
    ],
)
def test_bad_source_is_one_sentence(text: str, sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nothing").mkdir()
    Path("empty.mp4").touch()
    for name in ("text.mp4", "text.png"):
        Path(name).write_text("hello\n" * 100)
    os.mkfifo("pipe")
    with pytest.raises(EdgeemoError) as caught:
        frames_of(text)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)


def test_link_to_a_device_is_its_camera(tmp_path: Path) -> None:
    (tmp_path / "by-id").symlink_to("/dev/video77")
    with raises(EdgeemoError, problem="by-id cannot be opened"):
        frames_of(tmp_path / "by-id")
