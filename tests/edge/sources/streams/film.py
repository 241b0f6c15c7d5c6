"""A drawn person in front of an HTTP camera, in a process that costs next to nothing: for programs that measure."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection

import cv2

from edgeemo.train.datasets.synthetic.clip import camera_clip

from .mjpeg import MjpegServer
from .scene import Scene

#: Images of the clip, which is shown forwards and backwards.
IMAGES = 150


class _Film(Scene):
    """A scene that shows encoded images in turn."""

    def __init__(self, images: Sequence[bytes], *, rate: float) -> None:
        super().__init__(rate=rate, size=(640, 480))
        self._images = [*images, *reversed(images[1:-1])]

    def jpeg(self) -> bytes | None:
        return self._images[self.number % len(self._images)]


@contextlib.contextmanager
def film(rate: float, *, quality: int = 95) -> Iterator[str]:
    """Show it at 640x480.

    Args:
        rate: images a second.
        quality: of the JPEGs. At 95 the drawn sensor's noise makes them 100 KB large, at 80 34 KB.

    Yields:
        The camera's address.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, rate, quality), daemon=True)
    process.start()
    # Its end of the pipe is its own: when it dies, we hear of it.
    there.close()
    try:
        yield here.recv()
    finally:
        process.terminate()


def _serve(connection: Connection, rate: float, quality: int) -> None:
    images = [
        cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality])[1].tobytes()
        for image, _ in camera_clip(IMAGES)
    ]
    server = MjpegServer(_Film(images, rate=rate))
    server.start()
    connection.send(server.url())
    signal.pause()
