"""``edgeemo run`` as a user calls it, with real signals and pipes."""

from __future__ import annotations

import json
import signal
import socket
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from edgeemo.cli import edgeemo
from edgeemo.edge.model.zoo import DEFAULT

from ..conftest import compile_library

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(edgeemo, ["run", *map(str, arguments)])


def events(text: str) -> list[dict[str, Any]]:
    """The lines about frames; there are others about the camera's state."""
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == "frame"]


def test_video_gives_a_line_for_each_frame_with_the_right_emotion(tiny_int8: Path, clip_avi: Path, clip: list) -> None:
    result = run(tiny_int8, "--source", clip_avi, "--max-frames", 20)
    lines = events(result.stdout)
    assert result.exit_code == 0
    assert [line["index"] for line in lines] == list(range(20))
    settled = [index for index in range(20) if index % 10 >= 4]
    right = [bool(lines[i]["faces"]) and lines[i]["faces"][0]["label"] == clip[i][1].emotion for i in settled]
    assert np.mean(right) > 0.8
    assert result.stderr.startswith("20 frames, ")
    assert len(result.stderr.splitlines()) == 1


def test_folder_with_a_broken_image_goes_on(tiny_int8: Path, tmp_path: Path) -> None:
    for name in ("a.png", "c.png"):
        Image.new("L", (48, 48), 99).save(tmp_path / name)
    (tmp_path / "b.png").write_text("x")
    result = run(tiny_int8, "--source", tmp_path, "--detector", "none")
    assert result.exit_code == 0
    assert [Path(line["source"]).name for line in events(result.stdout)] == ["a.png", "c.png"]
    warning, summary = result.stderr.splitlines()
    assert warning.startswith(f"Warning: {tmp_path / 'b.png'} is not an image")
    assert summary.startswith("2 frames, 2 faces, 1 image skipped, ")


def test_no_face_and_twenty_faces_in_one_image(tiny_int8: Path, tmp_path: Path) -> None:
    from edgeemo.train.datasets.synthetic import camera_clip

    # Persons who are found when they are alone; side by side one or two may be missed.
    people = [0, 1, 2, 3, *range(6, 11), 12, 13, 14, *range(16, 20), *range(21, 25)]
    heads = [cv2.resize(next(iter(camera_clip(1, width=320, height=256, seed=who)))[0], (256, 205)) for who in people]
    crowd = np.vstack([np.hstack(heads[row : row + 5]) for row in range(0, 20, 5)])
    for name, image in (("a.png", np.full_like(crowd, 90)), ("b.png", crowd), ("c.png", np.full_like(crowd, 90))):
        Image.fromarray(image).save(tmp_path / name)
    result = run(tiny_int8, "--source", tmp_path)
    none, many, none_again = (line["faces"] for line in events(result.stdout))
    assert (result.exit_code, none, none_again) == (0, [], [])
    assert 17 <= len(many) <= 20
    assert all(sum(face["probabilities"].values()) == pytest.approx(1, abs=0.05) for face in many)


def test_out_takes_the_lines(tiny_int8: Path, clip_avi: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "lines.jsonl"
    result = run(tiny_int8, "--source", clip_avi, "--detector", "none", "--max-frames", 5, "--out", out)
    assert (result.exit_code, result.stdout) == (0, "")
    assert len(events(out.read_text())) == 5


def test_quiet_prints_nothing_and_still_writes_the_file(tiny_int8: Path, clip_avi: Path, tmp_path: Path) -> None:
    arguments = (tiny_int8, "--source", clip_avi, "--detector", "none", "--max-frames", 2, "--quiet")
    result = run(*arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert run(*arguments, "-o", tmp_path / "lines.jsonl").exit_code == 0
    assert len(events((tmp_path / "lines.jsonl").read_text())) == 2


def test_out_is_overwritten_only_by_force(tiny_int8: Path, clip_avi: Path, tmp_path: Path) -> None:
    out = tmp_path / "lines.jsonl"
    out.write_text("old")
    arguments = (tiny_int8, "--source", clip_avi, "--detector", "none", "--max-frames", 1, "--out", out)
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "exists already; choose another name, or overwrite it with --force" in refused.stderr
    assert out.read_text() == "old"
    assert run(*arguments, "--force").exit_code == 0
    assert len(events(out.read_text())) == 1


def test_full_disk_is_one_sentence_and_the_summary_is_kept(tiny_int8: Path, clip_avi: Path) -> None:
    result = run(tiny_int8, "--source", clip_avi, "--detector", "none", "--out", "/dev/full", "--force")
    assert result.exit_code == 1
    # The lines are written by a thread of their own: some frames may be classified before that is seen.
    assert result.stderr.splitlines()[-1] == (
        "Error: /dev/full cannot be written (No space left on device); choose a place that you may write to"
    )
    assert len(result.stderr.splitlines()) <= 2


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("absent.mp4", "absent.mp4 is not there"),
        ("77", "camera 77 (/dev/video77) cannot be opened"),
        ("EMPTY", "has no images"),
        ("TEXT", "text.avi cannot be decoded"),
    ],
)
def test_bad_source_is_one_sentence_and_leaves_no_output(
    tiny_int8: Path, tmp_path: Path, source: str, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.avi").write_text("hello")
    names = {"EMPTY": tmp_path / "empty", "TEXT": tmp_path / "text.avi"}
    result = run(tiny_int8, "--source", names.get(source, source), "--out", tmp_path / "out")
    assert result.exit_code == 1
    assert sentence in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [([], "Missing option '--source'"), (["--source", "0", "--max-frames", "0"], "Invalid value for '--max-frames'")],
)
def test_wrong_usage_exits_with_2(tiny_int8: Path, arguments: list[str], sentence: str) -> None:
    result = run(tiny_int8, *arguments)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_without_a_model_the_default_runs(clip_avi: Path) -> None:
    default, named = (
        [json.loads(line)["faces"] for line in run(*words, "--source", clip_avi, "--max-frames", 3).stdout.splitlines()]
        for words in ([], ["--model", DEFAULT])
    )
    assert len(default) == 3
    assert default == named


def test_help_shows_an_example() -> None:
    assert "Example: edgeemo run --source 0" in run("--help").output


def test_reader_that_leaves_is_no_error(start: Any, tiny_int8: Path, clip_avi: Path) -> None:
    process = start("-m", "edgeemo", "run", tiny_int8, "--source", clip_avi)
    json.loads(process.stdout.readline())
    process.stdout.close()
    assert process.wait(timeout=30) == 0
    assert len(process.stderr.read().splitlines()) == 1


@pytest.mark.parametrize(("kept", "first_word"), [(2000, "Error:"), (400_000, "Warning:")])
def test_opencv_and_ffmpeg_are_not_heard(
    kept: int, first_word: str, start: Any, tiny_int8: Path, clip_avi: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.avi").write_bytes(clip_avi.read_bytes()[:kept])
    process = start("-m", "edgeemo", "run", tiny_int8, "--source", tmp_path / "cut.avi", "--detector", "none")
    _, errors = process.communicate(timeout=30)
    # The warning is followed by the summary; neither is followed or preceded by anything else.
    lines = errors.splitlines()
    assert lines[0].startswith(first_word)
    assert [line for line in lines[1:] if " frames, " not in line] == []
    assert len(lines) <= 2


@pytest.mark.parametrize(
    ("number", "mood"),
    [
        (signal.SIGINT, "play"),
        (signal.SIGTERM, "play"),
        (signal.SIGTERM, "stall"),
        (signal.SIGTERM, "hang"),
        (signal.SIGINT, "unplug"),
        (signal.SIGTERM, "freeze"),
    ],
)
def test_signal_ends_a_camera_run_within_2_s(
    number: int, mood: str, start: Any, fake_camera: Any, tiny_int8: Path
) -> None:
    process = start("-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", env=fake_camera.env)
    first = process.stdout.readline()
    fake_camera.be(mood)
    time.sleep(0.3)
    process.send_signal(number)
    began = time.monotonic()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 2
    # Not communicate(): it would lose what readline() has taken from the pipe beyond the first line.
    output, errors = process.stdout.read(), process.stderr.read()
    lines = events(first + output)
    assert output.endswith("\n")
    assert errors.splitlines()[-1].startswith(f"{len(lines)} frames, ")
    assert len(errors.splitlines()) <= 2


def test_camera_shows_the_clip(start: Any, fake_camera: Any, tiny_int8: Path, clip: list) -> None:
    fake_camera.show(np.stack([cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY) for frame, _ in clip]))
    arguments = ("-m", "edgeemo", "run", tiny_int8, "--source", "/dev/video0", "--max-frames", 15)
    output, _ = start(*arguments, env=fake_camera.env).communicate(timeout=60)
    lines = events(output)
    indices = [line["index"] for line in lines]
    assert len(lines) == 15
    assert sorted(set(indices)) == indices
    settled = [line for line in lines if line["index"] % 10 >= 4]
    truths = [clip[line["index"] % len(clip)][1].emotion for line in settled]
    right = [
        bool(line["faces"]) and line["faces"][0]["label"] == truth for line, truth in zip(settled, truths, strict=True)
    ]
    assert np.mean(right) > 0.7


@pytest.mark.parametrize(
    ("mood", "reason"), [("unplug", "it was unplugged or stopped"), ("hang", "no image for 0.5 s")]
)
def test_camera_that_is_lost_for_good_ends_with_summary_and_sentence(
    mood: str, reason: str, start: Any, fake_camera: Any, tiny_int8: Path
) -> None:
    arguments = ("-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", "--max-retries", 1)
    process = start(*arguments, "--stall-after", 0.5, env=fake_camera.env)
    process.stdout.readline()
    fake_camera.be(mood)
    assert process.wait(timeout=20) == 1
    output, errors = process.stdout.read(), process.stderr.read()
    warning, summary, sentence = errors.splitlines()
    assert warning == f"Warning: camera lost, reconnecting ({reason})"
    assert summary.startswith(f"{len(events(output)) + 1} frames, ")
    assert sentence.startswith("Error: camera /dev/video0 is lost and did not come back in 1 attempt (camera 0")


def test_camera_that_comes_back_is_classified_again(start: Any, fake_camera: Any, tiny_int8: Path) -> None:
    process = start("-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", env=fake_camera.env)
    process.stdout.readline()
    fake_camera.be("unplug")
    warning = process.stderr.readline()
    fake_camera.be("play")
    back = process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=10)
    assert warning.startswith("Warning: camera lost")
    assert back.startswith("The camera is back after ")
    assert len(errors.splitlines()) == 1


@pytest.mark.parametrize("mood", ["unplug", pytest.param("stall", marks=pytest.mark.slow), "hang"])
def test_signal_ends_a_run_that_looks_for_its_camera_within_2_s(
    mood: str, start: Any, fake_camera: Any, tiny_int8: Path, tmp_path: Path
) -> None:
    out = tmp_path / "lines.jsonl"
    arguments = (
        "-m",
        "edgeemo",
        "run",
        tiny_int8,
        "--source",
        "0",
        "--detector",
        "none",
        "--stall-after",
        0.5,
        "--out",
        out,
    )
    process = start(*arguments, env=fake_camera.env)
    while not (out.exists() and out.read_text()):
        time.sleep(0.05)
    fake_camera.be(mood)
    assert process.stderr.readline().startswith("Warning: camera lost")
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    began = time.monotonic()
    assert process.wait(timeout=10) == 0
    assert time.monotonic() - began < 2
    lines = events(out.read_text())
    assert process.stderr.read().startswith(f"{len(lines)} frames, ")


def test_watchdog_hears_of_it(start: Any, fake_camera: Any, tiny_int8: Path, tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.settimeout(10)
    heard: list[str] = []

    def hear(message: str) -> None:
        while message not in heard:
            heard.append(manager.recv(1000).decode())

    env = {**fake_camera.env, "NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "600000"}
    arguments = ("-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", "--out", tmp_path / "lines")
    with manager:
        process = start(*arguments, env=env)
        hear("STATUS=running")
        assert heard.index("READY=1") < heard.index("STATUS=running")
        hear("WATCHDOG=1")
        fake_camera.be("unplug")
        hear("STATUS=reconnecting: it was unplugged or stopped")
        heard.clear()
        # A camera that is reconnecting is no reason to restart.
        hear("WATCHDOG=1")
        process.send_signal(signal.SIGTERM)
        hear("STOPPING=1")
        assert process.wait(10) == 0


@pytest.mark.parametrize("seconds", [pytest.param(86_400, marks=pytest.mark.slow), -86_400])
def test_clock_that_is_set_in_mid_run_changes_nothing(
    seconds: int, start: Any, fake_camera: Any, tiny_int8: Path, tmp_path: Path
) -> None:
    library = compile_library("clock.c", tmp_path / "clock.so")
    env = {**fake_camera.env, "CLOCK_FILE": str(tmp_path / "clock")}
    env["LD_PRELOAD"] += f" {library}"
    process = start("-m", "edgeemo", "run", tiny_int8, "--source", "0", "--detector", "none", env=env)
    first = json.loads(process.stdout.readline())
    (tmp_path / "clock").write_text(str(seconds))
    began = time.monotonic()
    lines = [first]
    while abs(lines[-1]["wall"] - first["wall"]) < abs(seconds) / 2:
        lines.append(json.loads(process.stdout.readline()))
    assert time.monotonic() - began < 2
    lines += [json.loads(process.stdout.readline()) for _ in range(25)]
    process.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - stopped < 2
    assert {line["type"] for line in lines} == {"frame"}
    steps = [later["time"] - earlier["time"] for earlier, later in pairwise(lines)]
    assert min(steps) > 0
    assert max(steps) < 1
