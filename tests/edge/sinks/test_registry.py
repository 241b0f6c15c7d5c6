"""All the outputs at once, as the options ask for them."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.common.errors import EdgeemoError, OptionError
from edgeemo.edge.sinks.base import SinkContext, SourceState, Update
from edgeemo.edge.sinks.registry import CLOSE_S, SINKS, open_sinks, requested_sinks, sink_options

from ...conftest import raises

Make = Callable[..., Update]
# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)


def about(**details: Any) -> SinkContext:
    """The run that sinks are opened for: a camera with a small model."""
    return SinkContext(("happy", "neutral"), "tiny", **details)


def test_options_are_those_of_all_kinds() -> None:
    declared = {option.name for name in SINKS.names() for option in SINKS.load(name).options}
    assert {option.name for option in sink_options()} == declared | {"quiet", "force", "privacy"}


def test_declaring_options_imports_neither_server_nor_broker_nor_opencv() -> None:
    code = "import sys; from edgeemo.edge.sinks.registry import sink_options; sink_options(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = {name.partition(".")[0] for name in done.stdout.split()}
    assert "click" in imported
    assert not imported & {"cv2", "starlette", "uvicorn", "prometheus_client", "paho"}


def test_lines_go_to_standard_output(update: Make, capsys: pytest.CaptureFixture[str]) -> None:
    with open_sinks({}, about()) as sinks:
        for sink in sinks:
            sink.publish(update(3))
    assert [sink.name for sink in sinks] == ["lines"]
    captured = capsys.readouterr()
    assert json.loads(captured.out)["index"] == 3
    assert captured.err == ""


def test_closed_standard_output_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    with (
        raises(EdgeemoError, problem="standard output is closed$", hint="^give --out FILE, or --quiet"),
        open_sinks({}, about()),
    ):
        pass
    with open_sinks({"quiet": True}, about()) as sinks:
        assert sinks == ()


def test_all_at_once(update: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("starlette")
    pytest.importorskip("paho.mqtt.client")
    out, video = tmp_path / "lines", tmp_path / "run.avi"
    options = {"out": str(out), "video": str(video), "web": "127.0.0.1:0", "mqtt": "127.0.0.1:9", "mqtt_name": "door"}
    with open_sinks(options, about(warn=lambda _: None)) as sinks:
        for index in range(10):
            for sink in sinks:
                sink.publish(update(index, at=1000 + index / 15))
            time.sleep(0.05)
        url = re.search(r"Live page: http://(127\.0\.0\.1:\d+)/\n", capsys.readouterr().err)
        assert url is not None
        connection = http.client.HTTPConnection(url[1])
        connection.request("GET", "/metrics")
        with connection.getresponse() as answer:
            assert f'edgeemo_sink_dropped_total{{sink="{video}"}} 0.0' in answer.read().decode()
        connection.close()
        began = time.monotonic()
    assert time.monotonic() - began < CLOSE_S + 0.5
    assert len(out.read_text().splitlines()) == 10
    assert video.stat().st_size > 1000


def test_reader_that_never_reads_does_not_take_the_time_of_others(
    update: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lines into a pipe that is full, and a video that still has to be written."""
    reading, writing = os.pipe()
    warnings: list[str] = []
    with os.fdopen(reading), os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        options = {"video": str(tmp_path / "run.avi")}
        with open_sinks(options, about(warn=warnings.append)) as sinks:
            for index in range(600):
                for sink in sinks:
                    sink.publish(update(index, at=1000 + index / 600))
            began = time.monotonic()
        assert time.monotonic() - began < CLOSE_S + 0.5
    assert (tmp_path / "run.avi").stat().st_size > 1000
    assert re.fullmatch(r"lines: \d+ updates were dropped, because it was too slow for them", warnings[-1])


def test_failure_of_the_run_is_told_before_that_of_a_sink(update: Make) -> None:
    options = {"out": "/dev/full", "force": True}

    def run(error: Exception | None) -> None:
        with open_sinks(options, about()) as sinks:
            sinks[0].publish(update(0))
            if error is not None:
                raise error

    with raises(EdgeemoError, problem="/dev/full cannot be written"):
        run(None)
    with raises(EdgeemoError, problem="the camera is gone"):
        run(EdgeemoError("the camera is gone"))


def test_sink_that_cannot_start_leaves_no_output(tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    options = {"out": str(tmp_path / "lines"), "web": "192.0.2.1:80", "mqtt": None}
    with raises(EdgeemoError, problem="cannot listen"), open_sinks(options, about()):
        raise AssertionError("it was entered")


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"privacy": True, "video": "a.avi"}, EdgeemoError, "--privacy and --video do not go together: under privacy"),
        ({"privacy": True, "window": True}, EdgeemoError, "--privacy and --window do not go together"),
        ({"mqtt_name": "x"}, OptionError, "--mqtt-name needs --mqtt"),
        ({"mqtt_ca": "x"}, OptionError, "--mqtt-ca needs --mqtt"),
        ({"healthy_within": 5.0}, OptionError, "--healthy-within needs --web"),
    ],
)
def test_what_does_not_go_together(options: dict[str, Any], error: type[click.ClickException], sentence: str) -> None:
    with pytest.raises(error) as caught:
        requested_sinks(options)
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "package", "extra"),
    [
        (("--web", "127.0.0.1:0"), "uvicorn", "web"),
        (("--web", "127.0.0.1:0"), "starlette", "web"),
        (("--web", "127.0.0.1:0"), "prometheus_client", "web"),
        (("--mqtt", "127.0.0.1:9"), "paho", "mqtt"),
    ],
)
def test_missing_extra_is_one_sentence(
    arguments: tuple[str, ...],
    package: str,
    extra: str,
    tiny_int8: Path,
    clip_avi: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in [name for name in sys.modules if name.startswith((package, "edgeemo.edge.sinks."))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    out = tmp_path / "lines"
    result = CliRunner().invoke(
        edgeemo, ["run", str(tiny_int8), "--source", str(clip_avi), "--out", str(out), *arguments]
    )
    assert result.exit_code == 1
    # In the base install another one of the extra is missed first.
    sentence = rf"needs the package '\w+', which is not installed; install it with: pip install 'edgeemo\[{extra}\]'"
    assert re.search(sentence, result.output)
    assert not out.exists()


@pytest.mark.parametrize("how", ["variable", "file"])
def test_token_comes_from_the_environment(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("starlette")
    (tmp_path / "token").write_text("the-token-of-this-page\n")
    if how == "file":
        monkeypatch.setenv("EDGEEMO_WEB_TOKEN_FILE", str(tmp_path / "token"))
    else:
        monkeypatch.setenv("EDGEEMO_WEB_TOKEN", "the-token-of-this-page")
    with open_sinks({"web": "0.0.0.0:0", "quiet": True}, about()):
        assert capsys.readouterr().err.endswith("/?token=the-token-of-this-page\n")


def test_quiet_leaves_standard_output_alone_and_keeps_the_file(
    update: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lines"
    with open_sinks({"out": str(out), "quiet": True}, about()) as sinks:
        sinks[0].publish(update(0))
    assert len(out.read_text().splitlines()) == 1
    assert capsys.readouterr() == ("", "")


def test_under_privacy_no_pixel_leaves(update: Make, tmp_path: Path) -> None:
    pytest.importorskip("starlette")
    out = tmp_path / "lines"
    options = {"out": str(out), "web": "127.0.0.1:0", "privacy": True}
    with open_sinks(options, about()) as sinks:
        for sink in sinks:
            sink.publish(update(0))
            sink.publish(update(None, state=SourceState.RECONNECTING))
        web: Any = sinks[0]
        connection = http.client.HTTPConnection("127.0.0.1", web.address.port)
        connection.request("GET", "/frame.jpg")
        with connection.getresponse() as answer:
            assert answer.status == 404
        connection.close()
    assert list(tmp_path.iterdir()) == [out]
    assert json.loads(out.read_text().splitlines()[0])["faces"][0]["label"] == "happy"
