from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edgeemo.benchmarks.host.monitor import DeviceMonitor, Trace
from edgeemo.benchmarks.host.reliability import unreliable_reasons
from edgeemo.edge.host.hardware import THROTTLE_BITS, parse_power

from ...tools.boards import PI4, write, write_board

# The rails of a Raspberry Pi 5, shortened.
PMIC = """     3V3_SYS_A current(1)=0.10000000A
    VDD_CORE_A current(7)=2.00000000A
     3V3_SYS_V volt(9)=3.30000000V
    VDD_CORE_V volt(15)=0.75000000V
       EXT5V_V volt(24)=5.15370000V
        BATT_V volt(25)=0.00000000V
"""


@pytest.fixture
def board(tmp_path: Path) -> Path:
    """What a Raspberry Pi 4 tells of itself."""
    write_board(tmp_path / "root", PI4)
    return tmp_path / "root"


@pytest.fixture
def vcgencmd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a vcgencmd that answers with the file of the question's name."""
    tool = tmp_path / "bin/vcgencmd"
    write(tool, f'#!/bin/sh\ncat "{tmp_path}/bin/$1"\n')
    tool.chmod(0o755)
    write(tmp_path / "bin/get_throttled", "throttled=0x0\n")
    write(tmp_path / "bin/pmic_read_adc", PMIC)
    monkeypatch.setenv("PATH", f"{tool.parent}:/usr/bin:/bin")
    return tool.parent


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_it_reads_before_during_and_after(board: Path) -> None:
    with DeviceMonitor(root=board, period=0.01) as monitor:
        assert len(monitor.readings) == 1
        until(lambda: len(monitor.readings) >= 4)
    seen = len(monitor.readings)
    times = [reading.seconds for reading in monitor.readings]
    assert times == sorted(times)
    time.sleep(0.05)
    assert len(monitor.readings) == seen


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("cpufreq/scaling_cur_freq", "600000", "the clock dropped from 1,800 MHz to 600 MHz"),
        ("cpufreq/scaling_max_freq", "1000000", "the highest clock was lowered from 1,800 MHz to 1,000 MHz"),
        ("cpufreq/scaling_governor", "powersave", "the governor powersave holds the clock down"),
    ],
)
def test_what_is_over_before_the_end_is_seen(board: Path, place: str, value: str, reason: str) -> None:
    cores = [board / f"sys/devices/system/cpu/cpu{core}" / place for core in range(PI4.cores)]
    good = cores[0].read_text()
    with DeviceMonitor(root=board, period=0.01) as monitor:
        for core in cores:
            core.write_text(value)
        seen = len(monitor.readings)
        until(lambda: len(monitor.readings) > seen + 1)
        for core in cores:
            core.write_text(good)
    assert monitor.states[0] == monitor.states[-1]
    assert reason in unreliable_reasons(monitor.states, cores=PI4.cores)


@pytest.mark.parametrize("bit", THROTTLE_BITS)
def test_a_throttle_bit_that_rises_is_seen(board: Path, vcgencmd: Path, bit: int) -> None:
    with DeviceMonitor(root=board, period=0.01) as monitor:
        (vcgencmd / "get_throttled").write_text(f"throttled={1 << bit:#x}\n")
        until(lambda: bool(monitor.states[-1].throttled))
        # Gone again, but the board remembers.
        (vcgencmd / "get_throttled").write_text(f"throttled={1 << bit + 16:#x}\n")
    (reason,) = unreliable_reasons(monitor.states, cores=PI4.cores)
    assert THROTTLE_BITS[bit] in reason


def test_a_program_that_starts_meanwhile_is_seen_before_the_load_average_rises(board: Path) -> None:
    def stat(busy: int) -> None:
        write(board / "proc/stat", f"cpu  {busy} 0 0 5000 0 0 0 0 0 0\n")

    stat(100)
    with DeviceMonitor(root=board, period=0.05) as monitor:
        time.sleep(0.3)
        # Of four cores, at any speed of this machine.
        stat(100 + 400 * os.sysconf("SC_CLK_TCK"))
    assert {state.load for state in monitor.states} == {(0.25, 0.5, 0.75)}
    assert monitor.others == pytest.approx(400 / monitor.readings[-1].seconds, rel=0.01)
    (reason,) = unreliable_reasons(monitor.states, cores=PI4.cores, others=monitor.others)
    assert reason.startswith("other programs were busy (on ")
    assert unreliable_reasons(monitor.states, cores=PI4.cores, others=1.9) == ()


def test_the_trace_has_every_look(board: Path, vcgencmd: Path) -> None:
    with DeviceMonitor(root=board, period=0.01) as monitor:
        until(lambda: len(monitor.readings) >= 2)
    trace = Trace.of(monitor.readings)
    count = len(monitor.readings)
    assert trace.clock_khz == (1_800_000,) * count
    assert trace.throttled == (0,) * count
    assert trace.power_w == (1.83,) * count
    assert trace.others == (None,) * count
    assert "others busy on 0.1 to 1.6 cores" in str(replace(trace, others=(None, 0.1, 1.6)))
    assert str(trace) == (
        "governor ondemand, clock 1800 MHz, temperature 48.21 C, load 0.25, power 1.83 W, throttle bits 0x0"
    )
    assert "load 0.25 to 3, " in str(replace(trace, load=(0.25, 3.0)))


def test_a_machine_that_tells_nothing_has_an_empty_trace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with DeviceMonitor(root=tmp_path) as monitor:
        pass
    assert str(Trace.of(monitor.readings)) == ""
    assert unreliable_reasons(monitor.states, cores=1) == ()


@pytest.mark.parametrize(
    ("answer", "watts"),
    [
        pytest.param(PMIC, 0.1 * 3.3 + 2 * 0.75, id="rails"),
        pytest.param('error=1 error_msg="Command not registered"', None, id="before the Pi 5"),
        pytest.param("", None, id="nothing"),
        pytest.param("EXT5V_V volt(24)=5.15370000V", None, id="no current"),
    ],
)
def test_power_is_summed_over_the_rails(answer: str, watts: float | None) -> None:
    power = parse_power(answer)
    assert (power.watts if power else None) == pytest.approx(watts)
