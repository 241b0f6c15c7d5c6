"""The face detectors by name."""

from __future__ import annotations

import importlib.util
import os

from ..common.errors import ModelError, RuntimeUnavailableError
from ..common.files import existing
from ..common.registry import Registry
from .detector import LIVE, Detector, check_search

DETECTORS: Registry[type[Detector]] = Registry(
    kind="detector",
    group="edgeemo.detectors",
    builtin={
        # It ships, names the most faces right of those that do, and costs the least: docs/face-detection.md.
        "auto": "edgeemo.edge.faces.finder:EdgeemoDetector",
        "edgeemo": "edgeemo.edge.faces.finder:EdgeemoDetector",
        "haar": "edgeemo.edge.faces.haar:HaarDetector",
        "yunet": "edgeemo.edge.faces.yunet:YuNetDetector",
        "none": "edgeemo.edge.faces.whole_image:WholeImage",
    },
)


def open_detector(choice: str | os.PathLike[str] = "auto", *, search: str = LIVE) -> Detector:
    """Make the detector that a user chose.

    Args:
        choice: a name in :data:`DETECTORS`, or a file that one of the detectors accepts.
        search: one of :data:`~edgeemo.edge.faces.detector.SEARCHES`; no matter to a detector that has only one way.

    Raises:
        OptionError: no detector has this name, or no search.
        FileError: the file is not there.
        ModelError: no detector accepts the file, or it is not what its name promises.
        RuntimeUnavailableError: a package that the detector needs is not installed.
    """
    check_search(search)
    return _opened(os.fspath(choice), by_name=isinstance(choice, str)).with_search(search)


def _opened(name: str, *, by_name: bool) -> Detector:
    if name in DETECTORS or (by_name and not _names_file(name)):
        return _checked(DETECTORS.load(name))()
    path = existing(name, "a face detector's file")
    # Those that ship are asked first: somebody else's broken plug-in does not get in their way.
    for registered in DETECTORS.names():
        detector = DETECTORS.load(registered)
        if detector.accepts(path):
            return _checked(detector)(path)
    raise ModelError(f"no detector takes {path}", expected="a file such as face_detection_yunet_2023mar.onnx")


def _names_file(text: str) -> bool:
    return bool(os.path.dirname(text) or os.path.splitext(text)[1] or os.path.lexists(text))


def _checked(detector: type[Detector]) -> type[Detector]:
    if missing := [module for module in detector.needs if importlib.util.find_spec(module) is None]:
        raise RuntimeUnavailableError(
            f"the detector {detector.name!r} needs {', '.join(missing)}, which is not installed",
            hint="install it with pip, or choose another detector",
        )
    return detector
