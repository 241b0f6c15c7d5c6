"""Window with the annotated frames."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable

import click

from ..common.errors import OutputError
from .base import Sink, SinkContext, SinkKind, ThreadedSink, Update

# OpenCV is imported where it is used: the options are declared without it.

#: Milliseconds in which a key press is awaited after each frame.
_KEY_MS = 1
#: A slow board needs seconds to load OpenCV.
_TRY_S = 30
#: Keys that end the run: q and Escape.
_END = (ord("q"), 27)


class WindowSink(ThreadedSink):
    """Sink that shows the newest frame. Closing the window, q or Escape ends the run.

    Args:
        title: title of the window.
        stop: called when the window is closed.

    Raises:
        EdgeemoError: this OpenCV has no windows, or there is no screen.
    """

    skips = True

    def __init__(self, *, title: str, stop: Callable[[], None]) -> None:
        super().__init__("window", size=1)
        if not has_windows():
            raise OutputError(
                "this OpenCV has no windows (it is the headless build)",
                hint="pip uninstall opencv-python-headless && pip install 'opencv-python<5', or use --web",
            )
        if not has_screen():
            raise OutputError("there is no screen for --window", hint="start it from the desktop, or use --web")
        self._title = title
        self._stop = stop
        self._shape = (640, 480)
        self._shown = False

    def take(self, update: Update) -> None:
        import cv2

        from .overlay import annotate

        if update.frame is not None:
            self._shape = update.frame.image.shape[1], update.frame.image.shape[0]
        if self._shown and cv2.getWindowProperty(self._title, cv2.WND_PROP_VISIBLE) < 1:
            self._stop()
            return
        if not self._shown:
            cv2.namedWindow(self._title, cv2.WINDOW_NORMAL)
            cv2.resizeWindow(self._title, *self._shape)
            self._shown = True
        cv2.imshow(self._title, annotate(update, self._shape))
        if cv2.waitKey(_KEY_MS) in _END:
            self._stop()

    def finish(self) -> None:
        import cv2

        if self._shown:
            cv2.destroyAllWindows()
            cv2.waitKey(_KEY_MS)


def has_screen() -> bool:
    """Return whether a window can be opened.

    Tried in another process: without a screen, the library behind OpenCV's windows ends the process that asks.
    """
    code = "import cv2; cv2.namedWindow('edgeemo'); cv2.destroyAllWindows()"
    try:
        tried = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=_TRY_S)
    except subprocess.TimeoutExpired:
        return False
    return tried.returncode == 0


def has_windows() -> bool:
    """Return whether this build of OpenCV can open a window."""
    import cv2

    found = re.search(r"^\s*GUI:\s*(\S+)", cv2.getBuildInformation(), re.MULTILINE)
    return found is not None and found[1] != "NONE"


def _open(context: SinkContext, *, window: bool) -> Sink:
    return WindowSink(title=context.title, stop=context.stop)


SINK = SinkKind(
    options=(
        click.Option(
            ["--window"], is_flag=True, help="Show the annotated frames in a window; q or closing it ends the run."
        ),
    ),
    open=_open,
)
