"""The /proc, /sys, /etc and /dev of machines that are not here, as folders that the device's code can read.

``python tests/tools/boards.py FOLDER pi4|pi5`` writes one for the emulated tests: under qemu-user's ``-L`` it hides
what this machine says of itself.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Board:
    """A machine.

    Args:
        model: as the device tree names it; empty on a PC.
        cpuinfo: lines of one core in /proc/cpuinfo, after ``processor``.
        midr: main ID register of an Arm core; empty on a PC.
        min_khz, max_khz, clock_khz: of every core; 0 when the machine does not tell.
        governor: of the clock.
        temperature_mc: millidegrees Celsius; None when there is no sensor.
        memory_kb, available_kb: RAM.
        os: its name in /etc/os-release.
        cores: how many.
    """

    model: str
    cpuinfo: str
    midr: str
    min_khz: int
    max_khz: int
    clock_khz: int
    memory_kb: int
    available_kb: int
    governor: str = "ondemand"
    temperature_mc: int | None = 48212
    os: str = "Debian GNU/Linux 12 (bookworm)"
    cores: int = 4


def _arm(part: str, variant: str, revision: int, features: str) -> str:
    return (
        f"BogoMIPS\t: 108.00\nFeatures\t: {features}\nCPU implementer\t: 0x41\nCPU architecture: 8\n"
        f"CPU variant\t: {variant}\nCPU part\t: {part}\nCPU revision\t: {revision}\n"
    )


PI4 = Board(
    model="Raspberry Pi 4 Model B Rev 1.5",
    cpuinfo=_arm("0xd08", "0x0", 3, "fp asimd evtstrm crc32 cpuid"),
    midr="0x00000000410fd083",
    min_khz=600_000,
    max_khz=1_800_000,
    clock_khz=1_800_000,
    memory_kb=3_884_096,
    available_kb=3_200_000,
)
PI5 = Board(
    model="Raspberry Pi 5 Model B Rev 1.0",
    cpuinfo=_arm(
        "0xd0b",
        "0x4",
        1,
        "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp",
    ),
    midr="0x00000000414fd0b1",
    min_khz=1_500_000,
    max_khz=2_400_000,
    clock_khz=1_500_000,
    memory_kb=8_254_608,
    available_kb=7_400_000,
    os="Debian GNU/Linux 13 (trixie)",
)
DESKTOP = Board(
    model="",
    cpuinfo="vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz\n",
    midr="",
    min_khz=800_000,
    max_khz=4_600_000,
    clock_khz=3_200_000,
    memory_kb=32_768_000,
    available_kb=20_000_000,
    governor="performance",
    temperature_mc=None,
    cores=6,
)
BOARDS = {"pi4": PI4, "pi5": PI5, "desktop": DESKTOP}


def write(path: Path, text: str) -> None:
    """One small file, with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_board(root: Path, board: Board) -> None:
    """Write what a machine tells of itself below ``root``."""
    cores = range(board.cores)
    span = f"0-{board.cores - 1}\n"
    cpuinfo = "".join(f"processor\t: {core}\n{board.cpuinfo}\n" for core in cores)
    write(root / "proc/cpuinfo", cpuinfo + (f"Model\t\t: {board.model}\n" if board.model else ""))
    memory = (
        f"MemTotal:       {board.memory_kb} kB\nMemFree:        100000 kB\nMemAvailable:   {board.available_kb} kB\n"
    )
    write(root / "proc/meminfo", memory)
    write(root / "proc/loadavg", "0.25 0.50 0.75 1/200 1234\n")
    write(root / "etc/os-release", f'PRETTY_NAME="{board.os}"\nID=debian\n')
    cpus = root / "sys/devices/system/cpu"
    for name in ("possible", "present", "online"):
        write(cpus / name, span)
    for core in cores:
        _write_core(cpus / f"cpu{core}", core, span, board)
    if board.model:
        for folder in ("proc/device-tree", "sys/firmware/devicetree/base"):
            write(root / folder / "model", f"{board.model}\0")
    if board.temperature_mc is not None:
        write(root / "sys/class/thermal/thermal_zone0/temp", f"{board.temperature_mc}\n")
        write(root / "sys/class/thermal/thermal_zone0/type", "cpu-thermal\n")


def write_video(root: Path, node: int, name: str, *, index: int = 0, device: bool = True) -> None:
    """A V4L2 node: /sys names it, /dev holds it."""
    folder = root / f"sys/class/video4linux/video{node}"
    write(folder / "name", f"{name}\n")
    write(folder / "index", f"{index}\n")
    if device:
        write(root / f"dev/video{node}", "")


def write_usb(root: Path, port: str, vendor: str, product: str, *, speed: int) -> None:
    """A USB device by its ids and speed (Mbit/s)."""
    folder = root / "sys/bus/usb/devices" / port
    write(folder / "idVendor", f"{vendor}\n")
    write(folder / "idProduct", f"{product}\n")
    write(folder / "speed", f"{speed}\n")


def write_pci(root: Path, slot: str, vendor: str, device: str) -> None:
    """A PCI device by its ids."""
    write(root / "sys/bus/pci/devices" / slot / "vendor", f"{vendor}\n")
    write(root / "sys/bus/pci/devices" / slot / "device", f"{device}\n")


def _write_core(folder: Path, core: int, span: str, board: Board) -> None:
    topology = {"physical_package_id": 0, "core_id": core, "cluster_id": 0}
    for name, value in topology.items():
        write(folder / "topology" / name, f"{value}\n")
    for name in ("core_siblings_list", "package_cpus_list", "cluster_cpus_list"):
        write(folder / "topology" / name, span)
    for name in ("thread_siblings_list", "core_cpus_list"):
        write(folder / "topology" / name, f"{core}\n")
    if board.midr:
        write(folder / "regs/identification/midr_el1", f"{board.midr}\n")
    clocks = {
        "cpuinfo_min_freq": board.min_khz,
        "cpuinfo_max_freq": board.max_khz,
        "scaling_max_freq": board.max_khz,
        "scaling_cur_freq": board.clock_khz,
    }
    for name, khz in clocks.items():
        write(folder / "cpufreq" / name, f"{khz}\n")
    write(folder / "cpufreq/scaling_governor", f"{board.governor}\n")


if __name__ == "__main__":
    write_board(Path(sys.argv[1]), BOARDS[sys.argv[2]])
