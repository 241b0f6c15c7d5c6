"""Updates as the loop publishes them, and a real browser without a screen, driven over a pipe by the DevTools."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edgeemo.edge.faces.analysis import FrameResult, StageTimes
from edgeemo.edge.faces.face import Face
from edgeemo.edge.sinks.base import SourceState, SourceStatus, Update
from edgeemo.edge.sources import Frame
from edgeemo.edge.vision.box import Box

Make = Callable[..., Update]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def make_update(
    index: int | None = 0,
    *,
    state: SourceState = SourceState.RUNNING,
    reason: str = "",
    happy: float = 0.75,
    faces: int = 1,
    shape: tuple[int, int] = (120, 160),
    at: float | None = None,
    image: np.ndarray | None = None,
) -> Update:
    """A frame with `faces` faces that are followed, or with `index` None a change of state."""
    now = time.monotonic()
    status = SourceStatus(state, reason, since=now, reconnects=2, dropped=3, fps=12.5)
    moment = now if at is None else at
    if index is None:
        return Update(None, None, status, time.time(), moment)
    values = {"happy": happy, "neutral": 1 - happy}
    label = max(values, key=values.__getitem__)
    boxes = [Box(10 + 50 * place, 10, 40, 40) for place in range(faces)]
    found = tuple(Face(box, label, values[label], values) for box in boxes)
    tracks = tuple(
        Face(box, label, values[label], values, track_id=7 + place, index=place, age_s=1.5)
        for place, box in enumerate(boxes)
    )
    if image is None:
        image = np.full((*shape, 3), 40 + index % 200, np.uint8)
    frame = Frame(index, index / 10, image, "/dev/video0")
    return Update(frame, FrameResult(found, StageTimes(20, 0.5, 1, 0.25)), status, time.time(), moment, tracks)


@pytest.fixture
def update() -> Make:
    """Makes updates; see :func:`make_update`."""
    return make_update


def eventually(true: Callable[[], object], seconds: float = 10) -> bool:
    """Whether something becomes true in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.01)
    return bool(true())


@pytest.fixture(name="eventually")
def _eventually() -> Callable[..., bool]:
    return eventually


class Browser:
    """One page in a headless Chromium.

    Args:
        profile: an empty folder.
    """

    def __init__(self, profile: Path) -> None:
        assert CHROMIUM is not None
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()

        def as_3_and_4() -> None:
            # Through high numbers, so that neither overwrites the other.
            high_in, high_out = os.dup2(theirs_in, 103), os.dup2(theirs_out, 104)
            os.dup2(high_in, 3)
            os.dup2(high_out, 4)

        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"]
        self._process = subprocess.Popen(
            [CHROMIUM, *options, f"--user-data-dir={profile}", "--remote-debugging-pipe", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=as_3_and_4,
            close_fds=False,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._buffer = b""
        self._number = 0
        self._session: str | None = None
        self.complaints: list[str] = []
        pages = self._call("Target.getTargets")["targetInfos"]
        target = next(page["targetId"] for page in pages if page["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=url)
        self.wait("location.href !== 'about:blank' && document.readyState === 'complete'")

    def clear(self) -> None:
        """Show nothing, and forget what was complained of."""
        self._call("Page.navigate", url="about:blank")
        self.wait("location.href === 'about:blank'")
        self.size(1280, 800)
        self.complaints.clear()

    def size(self, width: int, height: int, *, phone: bool = False, dark: bool = False) -> None:
        """Be a screen of this size."""
        scale = 2 if phone else 1
        self._call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._call("Emulation.setEmulatedMedia", features=[scheme])

    def ask(self, expression: str) -> Any:
        """The value of a JavaScript expression."""
        answer = self._call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, expression: str, seconds: float = 20) -> None:
        """Until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.ask(expression):
            assert time.monotonic() < end, f"not true in time: {expression}; {self.ask('document.body.innerText')}"
            time.sleep(0.05)

    def image(self, path: Path) -> None:
        """Write what the screen shows, and below it, as PNG."""
        data = self._call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        os.close(self._out)
        os.close(self._in)

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self._listen(answer)

    def _listen(self, message: dict[str, Any]) -> None:
        if message["method"] == "Runtime.exceptionThrown":
            self.complaints.append(str(message["params"]["exceptionDetails"]))
        elif message["method"] == "Log.entryAdded":
            self.complaints.append(message["params"]["entry"]["text"])

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], 30)
            assert ready, "the browser does not answer"
            piece = os.read(self._in, 1 << 20)
            assert piece, "the browser has gone"
            self._buffer += piece
        line, self._buffer = self._buffer.split(b"\0", 1)
        message: dict[str, Any] = json.loads(line)
        return message


@pytest.fixture(scope="session")
def one_browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no Chromium here")
    browser = Browser(tmp_path_factory.mktemp("chromium") / "profile")
    yield browser
    browser.close()


@pytest.fixture
def browser(one_browser: Browser) -> Browser:
    """Of desktop size; whatever it showed before is gone."""
    one_browser.clear()
    return one_browser
