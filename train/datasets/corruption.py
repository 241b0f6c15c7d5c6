"""Images as poor cameras and poor light make them: seven kinds of corruption in five severities.

In the spirit of Hendrycks & Dietterich 2019 (arXiv:1903.12261), for face crops of some 48 pixels. Blur is measured by
the image's side and resolution in pixels, so that a small crop and a large photograph of a face come to the same;
noise and JPEG work on the image's own pixels, as in a camera, and partly vanish when a large one is reduced to a
model's input.
The severities go from what is hardly seen to where people begin to guess.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np

from ...edge.common.errors import OptionError
from .dataset import Dataset
from .lazy_images import Images

SEVERITIES = (1, 2, 3, 4, 5)
#: Kind -> strength by severity.
STRENGTHS: dict[str, tuple[float, ...]] = {
    # Exposure values below and above: an aperture stop halves or doubles the light.
    "dark": (-1.0, -2.0, -3.0, -4.0, -5.0),
    "bright": (0.5, 1.0, 1.5, 2.0, 2.5),
    # Standard deviation of a Gaussian in hundredths of the side: 0.5 to 2.2 pixels of 48.
    "blur": (1.0, 1.7, 2.5, 3.5, 4.5),
    # Standard deviation in shares of full scale.
    "noise": (0.02, 0.04, 0.06, 0.09, 0.13),
    # Quality of libjpeg. Blocks of 8 pixels are a sixth of such a face: it bears less than a photograph.
    "jpeg": (50.0, 30.0, 20.0, 12.0, 7.0),
    # Pixels of the shorter side that are left: a face far away. An image that has no more stays as it is.
    "low resolution": (36.0, 28.0, 22.0, 16.0, 12.0),
    # Degrees, to either side.
    "rotation": (6.0, 12.0, 18.0, 24.0, 30.0),
}
KINDS = tuple(STRENGTHS)
#: Light adds up before a camera's gamma; 8-bit values come after it.
_GAMMA = 2.2


def corrupt(image: np.ndarray, kind: str, severity: int, *, seed: int = 0) -> np.ndarray:
    """Corrupt one image.

    Args:
        image: uint8 (h, w) or (h, w, 3).
        kind: one of :data:`KINDS`.
        severity: 1 to 5.
        seed: of what is drawn: the noise, and to which side it is rotated. All severities of a kind draw the same.

    Returns:
        uint8 of the same shape.

    Raises:
        OptionError: unknown kind or severity.
    """
    if kind not in STRENGTHS or severity not in SEVERITIES:
        raise OptionError(
            "unknown corruption", expected=f"one of {', '.join(KINDS)}, severity 1 to 5", got=f"{kind!r} {severity}"
        )
    return _HOW[kind](image, STRENGTHS[kind][severity - 1], seed)


def corrupted(dataset: Dataset, kind: str, severity: int) -> Dataset:
    """Return the same samples with corrupted images, made when they are asked for.

    What is drawn for an image depends on its pixels alone, not on its place in the data set.
    """

    def one(index: int) -> np.ndarray:
        seed = int(dataset.samples[index].digest[:8], 16)
        return corrupt(dataset.images[index], kind, severity, seed=seed)

    images = Images(functools.partial(one, index) for index in range(len(dataset)))
    return replace(dataset, name=f"{dataset.name}, {kind} {severity}", images=images)


def _exposure(image: np.ndarray, stops: float, seed: int) -> np.ndarray:
    values = np.arange(256) * 2 ** (stops / _GAMMA)
    return cv2.LUT(image, np.clip(np.rint(values), 0, 255).astype(np.uint8))


def _blur(image: np.ndarray, hundredths: float, seed: int) -> np.ndarray:
    sigma = hundredths / 100 * min(image.shape[:2])
    return cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def _noise(image: np.ndarray, deviation: float, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image + 255 * deviation * drawn), 0, 255).astype(np.uint8)


def _jpeg(image: np.ndarray, quality: float, seed: int) -> np.ndarray:
    # OpenCV takes and gives B, G, R, and JPEG keeps less of one color than of another.
    turned = image[..., ::-1] if image.ndim == 3 else image
    _, data = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, int(quality)])
    found = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED))
    return np.ascontiguousarray(found[..., ::-1]) if found.ndim == 3 else found


def _low_resolution(image: np.ndarray, pixels: float, seed: int) -> np.ndarray:
    height, width = image.shape[:2]
    factor = min(1.0, pixels / min(height, width))
    small = cv2.resize(image, (round(width * factor), round(height * factor)), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def _rotation(image: np.ndarray, degrees: float, seed: int) -> np.ndarray:
    height, width = image.shape[:2]
    angle = degrees if seed % 2 else -degrees
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), angle, 1.0)
    return cv2.warpAffine(image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


_HOW: dict[str, Callable[[np.ndarray, float, int], np.ndarray]] = {
    "dark": _exposure,
    "bright": _exposure,
    "blur": _blur,
    "noise": _noise,
    "jpeg": _jpeg,
    "low resolution": _low_resolution,
    "rotation": _rotation,
}
