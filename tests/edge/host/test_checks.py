"""Machines that are not here, by their /proc, /sys and /dev; packages that are broken, by fakes that really break."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.host import checks as doctor
from edgeemo.edge.host import peripheral_checks as peripherals
from edgeemo.edge.host import software_checks as software
from edgeemo.edge.host.check import Check, CheckStatus, problem, warning

from ...tools.boards import DESKTOP, PI4, PI5, Board, write, write_board, write_pci, write_usb, write_video

native = pytest.mark.native("starts sys.executable, which is a program of another architecture here")

PMIC = """   3V3_SYS_A current(1)=0.10000000A
  VDD_CORE_A current(7)=2.00000000A
   3V3_SYS_V volt(9)=3.30000000V
  VDD_CORE_V volt(15)=0.80000000V
     EXT5V_V volt(24)={supply}V
"""


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH without the vcgencmd that this machine may have; what is put there is found."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def answer(path: Path, *, throttled: str = "0x0", adc: str = 'error=1 error_msg="Command not registered"') -> None:
    """Put a vcgencmd there that answers like the real one."""
    write(path / "adc", adc + "\n")
    script = (
        f"#!/bin/sh\ncase $1 in\nget_throttled) echo throttled={throttled};;\npmic_read_adc) cat {path}/adc;;\nesac\n"
    )
    write(path / "vcgencmd", script)
    (path / "vcgencmd").chmod(0o755)


def found(findings: list[Check], area: str) -> str:
    """Everything that was found in an area, with marks and hints."""
    return "\n".join(f"{one.status.value}: {one.text} -> {one.hint}" for one in findings if one.area == area)


@native
@pytest.mark.parametrize(
    ("board", "facts"),
    [
        (
            PI4,
            {"board": "ok: Raspberry Pi 4 Model B Rev 1.5, 4 cores Cortex-A72", "governor": "ok: ondemand, 1,800 of"},
        ),
        (PI5, {"board": "ok: Raspberry Pi 5 Model B Rev 1.0, 4 cores Cortex-A76", "os": "ok: Debian GNU/Linux 13"}),
        (DESKTOP, {"board": "ok: no single-board computer, 6 cores Intel", "memory": "ok: 19,531 of 32,000 MB"}),
        (
            PI4,
            {"temperature": "ok: 48 °C", "throttling": "ok: none since boot", "camera": "warning: no camera was found"},
        ),
        (replace(PI4, temperature_mc=84500), {"temperature": "warning: 84 °C: the clock is being lowered"}),
        (replace(PI4, temperature_mc=72000), {"temperature": "warning: 72 °C: 8 below the limit"}),
        (replace(PI4, available_kb=100_000), {"memory": "warning: 97 of 3,793 MB"}),
        (
            replace(PI4, governor="powersave"),
            {"governor": "warning: powersave, 1,800 of 1,800 MHz: the clock stays low"},
        ),
    ],
)
def test_a_machine(
    board: Board, facts: dict[str, str], tmp_path: Path, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What is installed is the same in every row, and takes a second.
    monkeypatch.setattr(doctor, "runtime_checks", list)
    monkeypatch.setattr(doctor, "opencv_checks", list)
    write_board(tmp_path / "root", board)
    answer(path)
    findings = doctor.run_checks(tmp_path / "root")
    for area, fact in facts.items():
        assert found(findings, area).startswith(fact)
    assert doctor.can_run(findings)
    assert all(finding.hint for finding in findings if finding.status is not CheckStatus.OK)


@pytest.mark.parametrize(
    ("bits", "lines"),
    [
        ("0x0", ["ok: none since boot"]),
        ("0x50005", ["warning: under-voltage at this moment", "warning: throttled at this moment"]),
        ("0x50000", ["warning: under-voltage at some time since boot", "warning: throttled at some time since boot"]),
        ("0x80008", ["warning: soft temperature limit at this moment"]),
    ],
)
def test_a_throttled_pi(bits: str, lines: list[str], tmp_path: Path, path: Path) -> None:
    answer(path, throttled=bits)
    text = found(doctor._throttling(doctor.read_state(tmp_path)), "throttling").splitlines()
    assert [line.split(" -> ")[0] for line in text] == lines
    assert all("supply" in line for line in text if "voltage" in line)


@pytest.mark.parametrize(
    ("adc", "line"),
    [
        (PMIC.format(supply="5.10"), "ok: 1.9 W on the board's rails (without USB and losses), supply 5.10 V"),
        (PMIC.format(supply="4.60"), "warning: 1.9 W on the board's rails (without USB and losses), supply 4.60 V"),
        ("error=1", ""),
    ],
)
def test_power(adc: str, line: str, path: Path) -> None:
    answer(path, adc=adc)
    assert found(doctor._power(), "power").split(" -> ")[0].rstrip(" ->") == line


@pytest.mark.parametrize(
    ("free_mb", "status"), [(90_000, CheckStatus.OK), (300, CheckStatus.WARNING), (5, CheckStatus.PROBLEM)]
)
def test_disk(free_mb: int, status: CheckStatus) -> None:
    assert doctor.disk_check(free_mb).status is status


def test_usb_cameras_are_named_and_their_second_nodes_left_out(tmp_path: Path) -> None:
    write_video(tmp_path, 0, "HD Pro Webcam C920")
    write_video(tmp_path, 1, "HD Pro Webcam C920", index=1)
    write_video(tmp_path, 10, "bcm2835-codec-decode")
    write_video(tmp_path, 13, "bcm2835-isp-output0")
    assert found(peripherals.camera_checks(tmp_path), "camera") == "ok: /dev/video0: HD Pro Webcam C920 -> "


@pytest.mark.parametrize(
    ("device", "allowed", "sentence", "hint"),
    [
        (False, True, "Webcam, but the file is missing", "--device"),
        (True, False, "Webcam, but this user may not open it", "usermod -aG video"),
    ],
)
def test_camera_that_cannot_be_opened(
    device: bool, allowed: bool, sentence: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_video(tmp_path, 0, "Webcam", device=device)
    # Permissions do not bind root, whom tests may run as.
    monkeypatch.setattr(os, "access", lambda *_: allowed)
    (finding,) = peripherals.camera_checks(tmp_path)
    assert (finding.status, sentence in finding.text, hint in finding.hint) == (CheckStatus.WARNING, True, True)


@pytest.mark.parametrize("name", ["unicam-image", "rp1-cfe-csi2_ch0"])
@pytest.mark.parametrize(
    ("packaged", "hint"), [(True, "--system-site-packages"), (False, "apt install python3-picamera2")]
)
def test_csi_camera_needs_picamera2(name: str, packaged: bool, hint: str, tmp_path: Path) -> None:
    write_video(tmp_path, 0, name)
    if packaged:
        write(tmp_path / "usr/lib/python3/dist-packages/picamera2/__init__.py", "")
    (finding,) = peripherals.camera_checks(tmp_path)
    assert name in finding.text
    assert hint in finding.hint


def test_csi_camera_with_picamera2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for package in ("picamera2", "libcamera"):
        write(tmp_path / "site" / package / "__init__.py", "")
    monkeypatch.syspath_prepend(tmp_path / "site")
    write_video(tmp_path, 0, "unicam-image")
    assert found(peripherals.camera_checks(tmp_path), "camera").endswith("picamera2 can be imported -> ")


LIBRARY = "usr/lib/aarch64-linux-gnu/libedgetpu.so.1"


@pytest.mark.parametrize(
    ("usb", "pci", "files", "lines"),
    [
        (None, False, [], ["ok: none: models run on the processor"]),
        (
            ("1a6e", "089a", 5000),
            False,
            [LIBRARY],
            ["ok: Coral Edge TPU on USB 2-1, 5,000 Mbit/s", f"ok: libedgetpu: /{LIBRARY}"],
        ),
        (
            ("18d1", "9302", 480),
            False,
            [LIBRARY],
            ["warning: Coral Edge TPU on USB 2-1, 480 Mbit/s: a USB 2 port", "ok: lib"],
        ),
        (("18d1", "9302", 5000), False, [], ["ok: Coral", "warning: libedgetpu.so.1 is missing"]),
        (None, True, [LIBRARY], ["warning: Coral Edge TPU on PCIe 0000:01:00.0 without a driver", "ok: lib"]),
        (None, True, [LIBRARY, "dev/apex_0"], ["ok: Coral Edge TPU on PCIe 0000:01:00.0", "ok: lib"]),
        (("046d", "082d", 480), False, [], ["ok: none"]),
    ],
)
def test_coral(usb: tuple[str, str, int] | None, pci: bool, files: list[str], lines: list[str], tmp_path: Path) -> None:
    if usb:
        write_usb(tmp_path, "2-1", usb[0], usb[1], speed=usb[2])
    if pci:
        write_pci(tmp_path, "0000:01:00.0", "0x1ac1", "0x089a")
    for name in files:
        write(tmp_path / name, "")
    text = found(peripherals.accelerator_checks(tmp_path), "accelerator").splitlines()
    assert len(text) == len(lines)
    assert all(line.startswith(start) for line, start in zip(text, lines, strict=True))


def fake_package(name: str, code: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that stands before the real one, here and in processes that are started."""
    write(folder / name / "__init__.py", code)
    write(folder / name / "interpreter.py", "")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("PYTHONPATH", f"{folder}:{os.environ.get('PYTHONPATH', '')}")


@native
@pytest.mark.parametrize(
    ("code", "sentence", "hint"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "cannot be loaded: it died of SIGILL", "processor"),
        ("raise ImportError('numpy.core.multiarray failed to import')", "numpy.core.multiarray failed", "numpy<2"),
        ("raise ImportError('libusb-1.0.so.0: cannot open shared object file')", "libusb", "library libusb-1.0.so.0"),
        ("raise ImportError('broken')", "ImportError: broken", "pip install --force-reinstall"),
    ],
)
def test_runtime_that_does_not_load(
    code: str, sentence: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_package("ai_edge_litert", code, tmp_path / "site", monkeypatch)
    monkeypatch.setattr(software, "installed_runtimes", lambda: ["ai-edge-litert"])
    first, last = software.runtime_checks()
    assert sentence in first.text
    assert hint in first.hint
    assert (last.status, last.text) == (CheckStatus.PROBLEM, "none of the installed runtimes can be loaded")


@native
def test_auto_takes_the_first_runtime_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [name for name in software.installed_runtimes() if name != "tf.lite"]
    monkeypatch.setattr(software, "installed_runtimes", lambda: names)
    assert software.runtime_checks()[-1].text.startswith(f"auto takes {names[0]} ")


def test_no_runtime_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(software, "installed_runtimes", list)
    (finding,) = software.runtime_checks()
    assert finding.status is CheckStatus.PROBLEM
    assert "pip install ai-edge-litert" in finding.hint


@native
@pytest.mark.parametrize(
    ("code", "sentence", "hint"),
    [
        (
            "raise ImportError('libGL.so.1: cannot open shared object file')",
            "libGL.so.1",
            "pip install 'opencv-python-headless<5'",
        ),
        (
            "__version__ = '5.0.0'\ndef getBuildInformation():\n    return ''",
            "OpenCV 5.0.0 has no Haar cascades",
            "pip install 'opencv-python-headless>=4.8,<5'",
        ),
    ],
)
def test_opencv_that_does_not_serve(
    code: str, sentence: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_package("cv2", code, tmp_path / "site", monkeypatch)
    finding = software.opencv_checks()[-1]
    assert finding.status is CheckStatus.PROBLEM
    assert sentence in finding.text
    assert hint in finding.hint


@native
def test_opencv_of_this_machine_serves() -> None:
    findings = [finding for finding in software.opencv_checks() if "overwrite" not in finding.text]
    assert [finding.status for finding in findings] == [CheckStatus.OK]
    assert "FFMPEG" in findings[0].text


@pytest.mark.parametrize(
    ("build", "lines"),
    [
        (
            "  GUI:   NONE\n  FFMPEG:  YES\n  v4l/v4l2:   YES (linux/videodev2.h)\n",
            ["ok: OpenCV 4 with FFMPEG, v4l/v4l2; no window"],
        ),
        (
            "  GUI:   QT5\n  FFMPEG:  YES\n  GStreamer:  YES (1.2)\n  v4l/v4l2:   YES\n",
            ["ok: OpenCV 4 with FFMPEG, GStreamer, v4l"],
        ),
        (
            "  GUI:   GTK3\n  FFMPEG:   NO\n  v4l/v4l2:  YES\n",
            ["ok: OpenCV 4", "warning: this build lacks FFMPEG: no video"],
        ),
    ],
)
def test_opencv_build(build: str, lines: list[str]) -> None:
    text = found(software._build_findings("4", build), "opencv").splitlines()
    assert len(text) == len(lines)
    assert all(line.startswith(start) for line, start in zip(text, lines, strict=True))


@native
def test_command_says_what_is_here(tiny_int8: Path) -> None:
    result = CliRunner().invoke(edgeemo, ["doctor", "--json", "--tune", str(tiny_int8)])
    assert result.exit_code == 0, result.output
    document = json.loads(result.output)
    assert document["runs"] is True
    assert {"board", "os", "python", "numpy", "runtime", "opencv", "camera"} <= {
        one["area"] for one in document["findings"]
    }
    tuning = document["tuning"]
    assert tuning["threads"] >= 1
    assert tuning["timings"][0]["threads"] == 1


@pytest.mark.parametrize(
    ("findings", "code", "verdict"),
    [
        ([Check("a", "fine")], 0, "edgeemo runs here: no problems, no warnings"),
        ([warning("a", "bad", "fix it")], 0, "edgeemo runs here: no problems, 1 warning"),
        (
            [problem("a", "worse", "fix it"), warning("b", "bad", "x")],
            1,
            "edgeemo cannot run here: 1 problem, 1 warning",
        ),
    ],
)
def test_exit_code(findings: list[Check], code: int, verdict: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeemo.edge.commands.doctor.run_checks", lambda: findings)
    result = CliRunner().invoke(edgeemo, ["doctor"])
    assert result.exit_code == code
    assert result.output.strip().endswith(verdict)
    assert all(f"-> {finding.hint}" in result.output for finding in findings if finding.hint)
