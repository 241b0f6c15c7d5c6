from __future__ import annotations

from pathlib import Path

import pytest

from edgeemo.edge.host.hardware import DeviceState, read_device, read_state

PI_CPUINFO = """processor\t: 0
CPU part\t: 0xd08

processor\t: 1
CPU part\t: 0xd08

processor\t: 2
CPU part\t: 0xd08

processor\t: 3
CPU part\t: 0xd08

Hardware\t: BCM2835
Model\t\t: Raspberry Pi 4 Model B Rev 1.4
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


@pytest.fixture
def pi(tmp_path: Path) -> Path:
    """The /proc, /sys and /etc of a Raspberry Pi 4, whose fourth core is the fastest at the moment."""
    root = tmp_path / "root"
    write(root / "proc/cpuinfo", PI_CPUINFO)
    write(root / "proc/meminfo", "MemTotal:        3884096 kB\nMemFree:          100 kB\n")
    write(root / "proc/loadavg", "0.25 0.50 0.75 1/200 1234\n")
    write(root / "proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0")
    write(root / "etc/os-release", 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\n')
    write(root / "sys/class/thermal/thermal_zone0/temp", "48686\n")
    for core in range(4):
        policy = root / f"sys/devices/system/cpu/cpu{core}/cpufreq"
        write(policy / "scaling_cur_freq", f"{600000 + 300000 * core}\n")
        write(policy / "scaling_max_freq", "1500000\n")
        write(policy / "scaling_governor", "ondemand\n")
    return root


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A vcgencmd that answers with what stands in a file beside it."""
    tool = tmp_path / "bin/vcgencmd"
    write(tool, f'#!/bin/sh\n[ "$1" = get_throttled ] && cat {tmp_path}/bin/answer\n')
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    return tool.parent / "answer"


def test_device_of_a_pi(pi: Path) -> None:
    device = read_device(pi)
    assert device.board == "Raspberry Pi 4 Model B Rev 1.4"
    assert (device.cpu, device.cores, device.memory_mb) == ("Cortex-A72", 4, 3793)
    assert device.os == "Debian GNU/Linux 12 (bookworm)"
    assert device.runtimes
    assert str(device) == "Raspberry Pi 4 Model B Rev 1.4, 4 cores"


def test_state_of_a_pi(pi: Path) -> None:
    state = read_state(pi)
    assert (state.governor, state.clock_khz, state.max_khz) == ("ondemand", 1500000, 1500000)
    assert state.temperature_mc == 48686
    assert state.load == (0.25, 0.5, 0.75)


def test_an_empty_root_tells_nothing_and_does_not_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_state(tmp_path) == DeviceState()
    device = read_device(tmp_path)
    assert (device.board, device.cpu, device.memory_mb) == ("", "", None)
    assert device.cores >= 1


def test_this_machine_has_a_processor_and_a_load() -> None:
    assert read_device().cores >= 1
    assert read_state().load is not None


@pytest.mark.parametrize(
    ("answer", "bits", "now", "since"),
    [
        ("throttled=0x0", 0, (), ()),
        ("throttled=0x50005", 0x50005, ("under-voltage", "throttled"), ("under-voltage", "throttled")),
        ("throttled=0xa0000", 0xA0000, (), ("clock capped", "soft temperature limit")),
        ("VCHI initialization failed", None, (), ()),
    ],
)
def test_throttle_bits(
    pi: Path, vcgencmd: Path, answer: str, bits: int | None, now: tuple[str, ...], since: tuple[str, ...]
) -> None:
    vcgencmd.write_text(answer + "\n")
    state = read_state(pi)
    assert state.throttled == bits
    assert state.throttled_now == now
    assert state.throttled_since_boot == since


def test_a_vcgencmd_that_cannot_be_run(pi: Path, vcgencmd: Path) -> None:
    (vcgencmd.parent / "vcgencmd").write_text("#!/no/such/shell\n")
    assert read_state(pi).throttled is None
