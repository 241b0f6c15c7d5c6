"""What the network cameras of the tests film: images that carry their own number, and moods that spoil them."""

from __future__ import annotations

import threading
import time

import cv2
import numpy as np

#: Bits of the number that is written into every image.
_BITS = 16
#: What every sensor has, and what tells a still image from a frozen one. Of a size that no image is a multiple of.
_NOISE = np.random.default_rng(0).integers(0, 8, 4099, np.uint8)


class Scene:
    """An image for each tick of its own clock, however often it is asked.

    Attributes:
        mood: ``play``; ``stall``: no image comes; ``freeze``: the same one again and again; ``black``; ``damage``: no
            image can be made of it.
        size: width and height, may change at any time.
        clients: cameras do not care, tests do: how many have connected so far.
    """

    def __init__(self, *, rate: float = 25.0, size: tuple[int, int] = (320, 240)) -> None:
        self.rate, self.size, self.mood = rate, size, "play"
        self.clients = 0
        self._began = time.monotonic()
        self._frozen: bytes | None = None
        self._lock = threading.Lock()

    @property
    def number(self) -> int:
        """Of the image that is to be seen now."""
        return int((time.monotonic() - self._began) * self.rate)

    def jpeg(self) -> bytes | None:
        """The image of now; None while it stalls."""
        if self.mood == "stall":
            return None
        if self.mood != "freeze":
            self._frozen = None
            return self._paint()
        with self._lock:
            self._frozen = self._frozen or self._paint()
            return self._frozen

    def _paint(self) -> bytes:
        width, height = self.size
        number = self.number
        start = number * 31 % _NOISE.size
        noise = np.resize(np.roll(_NOISE, -start), (height, width))
        image = 110 + noise
        for bit in range(_BITS):
            left, right = bit * width // _BITS, (bit + 1) * width // _BITS
            image[: height // 6, left:right] = 235 if number >> bit & 1 else 30
        if self.mood == "black":
            image = noise
        data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_GRAY2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])[1]
        jpeg: bytes = data.tobytes()
        # Without its tables no image can be made of it.
        return jpeg[:20] + jpeg[-200:] if self.mood == "damage" else jpeg


def number_in(image: np.ndarray) -> int:
    """The number written into an image, uint8 (h, w, 3)."""
    height, width = image.shape[:2]
    columns = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    return sum(int(image[height // 12, column].mean() > 128) << bit for bit, column in enumerate(columns))
