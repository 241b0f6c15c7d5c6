"""Checks of installed packages: each is loaded in its own process, which may crash."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import re
import signal
import subprocess
import sys
from dataclasses import dataclass

from ..common.version import package_version
from ..inference.interpreter import RUNTIMES, installed_runtimes, runtime_version
from .check import Check, problem, warning

#: Loading a runtime takes well under a second on a workstation and some seconds from an SD card.
_TIMEOUT_S = 60.0
_HEADLESS = "pip uninstall opencv-python && pip install 'opencv-python-headless<5'"
_LOAD = "import importlib, sys; importlib.import_module(sys.argv[1]).Interpreter"
_OPENCV = (
    "import cv2, json; "
    "print(json.dumps([cv2.__version__, hasattr(cv2, 'CascadeClassifier'), cv2.getBuildInformation()]))"
)
#: Names in OpenCV's build information -> what they bring.
_OPENCV_PARTS = {"FFMPEG": "video files and RTSP", "GStreamer": "pipelines", "v4l/v4l2": "cameras"}


@dataclass(frozen=True)
class Attempt:
    """Result of running Python code in another process.

    Args:
        output: its standard output.
        error: why it failed, in one line; empty when it ended well.
    """

    output: str
    error: str


def attempt(code: str, *arguments: str) -> Attempt:
    """Run ``code`` in a fresh interpreter like this one."""
    command = [sys.executable, "-c", code, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return Attempt("", f"it did not answer within {_TIMEOUT_S:.0f} s")
    except OSError as error:
        return Attempt("", f"{sys.executable} cannot be started ({error.strerror})")
    if done.returncode < 0:
        return Attempt(done.stdout, f"it died of {_signal_name(-done.returncode)}")
    lines = done.stderr.strip().splitlines()
    return Attempt(done.stdout, (lines[-1] if lines else "it failed") if done.returncode else "")


def runtime_checks() -> list[Check]:
    """Check the TFLite runtimes and name the one that ``--runtime auto`` takes."""
    names = installed_runtimes()
    if not names:
        return [
            problem(
                "runtime",
                "no TFLite runtime is installed",
                "pip install ai-edge-litert (32-bit Arm: pip install tflite-runtime 'numpy<2')",
            )
        ]
    findings: list[Check] = []
    working: list[str] = []
    for name in names:
        label = f"{name} {runtime_version(name)}".strip()
        # All of TensorFlow for a runtime that is the last resort.
        if name == "tf.lite" and working:
            findings.append(Check("runtime", f"{label} is installed (not tried)"))
            continue
        error = attempt(_LOAD, RUNTIMES[name]).error
        if error:
            findings.append(warning("runtime", f"{label} cannot be loaded: {error}", _import_hint(name, error)))
        else:
            working.append(label)
            findings.append(Check("runtime", f"{label} loads"))
    if working:
        return [*findings, Check("runtime", f"auto takes {working[0]}")]
    return [*findings, problem("runtime", "none of the installed runtimes can be loaded", findings[0].hint)]


def opencv_checks() -> list[Check]:
    """Check that OpenCV loads, and what its build can do."""
    if importlib.util.find_spec("cv2") is None:
        return [problem("opencv", "OpenCV is not installed", "pip install 'opencv-python-headless>=4.8,<5'")]
    findings = []
    packages = sorted(
        name
        for distribution in importlib.metadata.distributions()
        if (name := distribution.metadata["Name"] or "").startswith("opencv-")
    )
    if len(packages) > 1:
        findings.append(
            warning(
                "opencv",
                f"{' and '.join(packages)} overwrite each other's files",
                f"keep one: pip uninstall {' '.join(packages)} && pip install 'opencv-python-headless<5'",
            )
        )
    tried = attempt(_OPENCV)
    if tried.error:
        return [
            *findings,
            problem("opencv", f"OpenCV cannot be loaded: {tried.error}", _import_hint("cv2", tried.error)),
        ]
    number, cascades, build = json.loads(tried.output.splitlines()[-1])
    if not cascades:
        hint = "pip install 'opencv-python-headless>=4.8,<5'"
        return [*findings, problem("opencv", f"OpenCV {number} has no Haar cascades, which find the faces", hint)]
    return [*findings, *_build_findings(number, build)]


def numpy_checks() -> list[Check]:
    """Check that NumPy fits the runtime that needs an old one."""
    number = package_version("numpy")
    if not number:
        return [problem("numpy", "NumPy is not installed", "pip install 'numpy>=1.24'")]
    if int(number.split(".")[0]) >= 2 and "tflite-runtime" in installed_runtimes():
        hint = "pip install 'numpy<2' 'opencv-python-headless<4.12', or use ai-edge-litert in its place"
        return [warning("numpy", f"NumPy {number} is too new for tflite-runtime", hint)]
    return [Check("numpy", f"NumPy {number}")]


def python_check() -> Check:
    """Check the interpreter."""
    where = "in a virtual environment" if sys.prefix != sys.base_prefix else "the system's"
    text = f"Python {platform.python_version()}, {where}, {platform.machine()}"
    # A 32-bit userland on a 64-bit kernel has no LiteRT: the most common reason for a slow Pi.
    if platform.machine() == "aarch64" and sys.maxsize < 2**32:
        return warning(
            "python", f"{text}, but 32 bits wide", "install the 64-bit system: LiteRT has no 32-bit Arm build"
        )
    return Check("python", text)


def _build_findings(number: str, build: str) -> list[Check]:
    has = {name: bool(re.search(rf"^\s*{name}:\s*YES", build, re.MULTILINE)) for name in _OPENCV_PARTS}
    window = re.search(r"^\s*GUI:\s*(\S+)", build, re.MULTILINE)
    parts = [name for name, there in has.items() if there]
    shown = f"window by {window.group(1)}" if window and window.group(1) != "NONE" else "no window (headless)"
    findings = [Check("opencv", f"OpenCV {number} with {', '.join(parts) or 'no video back end'}; {shown}")]
    for name in ("FFMPEG", "v4l/v4l2"):
        if not has[name]:
            hint = "take the build of PyPI: pip install 'opencv-python-headless<5'"
            findings.append(warning("opencv", f"this build lacks {name}: no {_OPENCV_PARTS[name]}", hint))
    return findings


def _import_hint(name: str, error: str) -> str:
    if "libGL" in error or "libgthread" in error or "libX" in error:
        return f"without a desktop: {_HEADLESS}"
    if "numpy" in error.lower() or "_ARRAY_API" in error:
        return "NumPy and this package do not fit: pip install 'numpy<2' 'opencv-python-headless<4.12'"
    if "SIG" in error:
        return (
            f"this processor lacks what its build uses; try another version, or the other runtime ({name} is the cause)"
        )
    if library := re.search(r"(lib[\w+.-]+\.so[.\d]*)", error):
        return f"install the library {library.group(1)} (apt-file search finds its package), or reinstall {name}"
    return f"pip install --force-reinstall {'opencv-python-headless' if name == 'cv2' else name}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
