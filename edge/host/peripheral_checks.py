"""Checks of cameras and accelerators, from /sys and /dev."""

from __future__ import annotations

import importlib.util
import os
import re
from dataclasses import dataclass
from pathlib import Path

from .check import Check, warning
from .hardware import number_in, text_of

#: V4L2 nodes of a Pi that give no image by themselves: decoders, image processors, and the raw side of CSI cameras.
_NO_CAMERA = re.compile(r"bcm2835-(codec|isp)|rpivid|rpi-hevc|pispbe|rpi-hvs")
#: What names the receiver of a CSI camera: Pi 1 to 4, and Pi 5.
_CSI = re.compile(r"unicam|rp1-cfe|bcm2835-camera|mmal service")
#: Vendor and product of a Coral USB accelerator before (Global Unichip) and after (Google) its first use.
_CORAL_USB = {("1a6e", "089a"), ("18d1", "9302")}
_CORAL_PCI = ("0x1ac1", "0x089a")
_LIBEDGETPU = "libedgetpu.so.1"
_LIBRARY_FOLDERS = ("usr/lib", "usr/local/lib", "lib", "usr/lib/*-linux-gnu*", "lib/*-linux-gnu*", "opt/edgetpu")
_USB3_MBIT = 5000


@dataclass(frozen=True)
class VideoNode:
    """A /dev/videoN.

    Args:
        number: N.
        name: name of the device.
        csi: the raw side of a CSI camera, which needs libcamera.
        readable: this user may open it; None when there is no such file in /dev.
    """

    number: int
    name: str
    csi: bool
    readable: bool | None


def video_nodes(root: Path) -> list[VideoNode]:
    """Return the nodes of cameras by number, without second nodes (metadata) and image processors."""
    nodes = []
    for folder in (root / "sys/class/video4linux").glob("video*"):
        name = text_of(folder / "name")
        number = re.fullmatch(r"video(\d+)", folder.name)
        csi = bool(_CSI.search(name))
        if number is None or _NO_CAMERA.search(name) or (number_in(folder / "index") or 0) > 0:
            continue
        device = root / "dev" / folder.name
        readable = os.access(device, os.R_OK | os.W_OK) if device.exists() else None
        nodes.append(VideoNode(int(number.group(1)), name, csi, readable))
    return sorted(nodes, key=lambda node: node.number)


def camera_checks(root: Path) -> list[Check]:
    """Check V4L2 cameras, CSI cameras and what they need."""
    findings = []
    nodes = video_nodes(root)
    for node in nodes:
        if node.csi:
            continue
        text = f"/dev/video{node.number}: {node.name}"
        if node.readable is None:
            hint = "in a container pass the device in (--device); else unplug the camera and plug it in again"
            findings.append(warning("camera", f"{text}, but the file is missing", hint))
        elif not node.readable:
            hint = "sudo usermod -aG video $USER, then log in again"
            findings.append(warning("camera", f"{text}, but this user may not open it", hint))
        else:
            findings.append(Check("camera", text))
    if csi := [node for node in nodes if node.csi]:
        findings.append(_csi_finding(csi[0], root))
    if not findings:
        hint = "plug in a USB camera, or connect a CSI camera and check it with rpicam-hello --list-cameras"
        findings.append(warning("camera", "no camera was found (files and network streams need none)", hint))
    return findings


def accelerator_checks(root: Path) -> list[Check]:
    """Check Coral Edge TPUs on USB and PCIe, and the library that drives them."""
    findings = []
    library = _library(root)
    usb = [folder for folder in sorted((root / "sys/bus/usb/devices").glob("*")) if _ids(folder) in _CORAL_USB]
    pci = [
        folder
        for folder in sorted((root / "sys/bus/pci/devices").glob("*"))
        if (text_of(folder / "vendor"), text_of(folder / "device")) == _CORAL_PCI
    ]
    for folder in usb:
        speed = number_in(folder / "speed") or 0
        text = f"Coral Edge TPU on USB {folder.name}, {speed:,} Mbit/s"
        if 0 < speed < _USB3_MBIT:
            findings.append(warning("accelerator", f"{text}: a USB 2 port", "use a blue USB 3 port and its own cable"))
        else:
            findings.append(Check("accelerator", text))
    nodes = sorted((root / "dev").glob("apex_*"))
    for folder in pci:
        text = f"Coral Edge TPU on PCIe {folder.name}"
        if not nodes:
            findings.append(warning("accelerator", f"{text} without a driver (no /dev/apex_0)", "install gasket-dkms"))
        elif not any(os.access(node, os.R_OK | os.W_OK) for node in nodes):
            hint = "sudo usermod -aG apex $USER (or a udev rule for /dev/apex_0), then log in again"
            findings.append(warning("accelerator", f"{text}, but this user may not open it", hint))
        else:
            findings.append(Check("accelerator", text))
    if library:
        findings.append(Check("accelerator", f"libedgetpu: /{library.relative_to(root)}"))
    elif usb or pci:
        hint = "install libedgetpu1-std from Coral's package archive"
        findings.append(warning("accelerator", f"{_LIBEDGETPU} is missing: the Edge TPU cannot be used", hint))
    return findings or [Check("accelerator", "none: models run on the processor")]


def _csi_finding(node: VideoNode, root: Path) -> Check:
    text = f"CSI camera port ({node.name})"
    if importlib.util.find_spec("picamera2") and importlib.util.find_spec("libcamera"):
        return Check("camera", f"{text}; picamera2 can be imported")
    if list((root / "usr/lib/python3/dist-packages").glob("picamera2")):
        hint = "make the virtual environment with: python3 -m venv --system-site-packages"
        return warning("camera", f"{text}; picamera2 is installed, but not for this Python", hint)
    return warning("camera", f"{text}; picamera2 is missing", "sudo apt install python3-picamera2")


def _ids(folder: Path) -> tuple[str, str]:
    return text_of(folder / "idVendor"), text_of(folder / "idProduct")


def _library(root: Path) -> Path | None:
    named = [Path(folder) for folder in os.environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
    folders = [*(found for pattern in _LIBRARY_FOLDERS for found in sorted(root.glob(pattern))), *named]
    inside = [folder / _LIBEDGETPU for folder in folders if (folder / _LIBEDGETPU).exists()]
    return next((path for path in inside if path.is_relative_to(root)), None)
