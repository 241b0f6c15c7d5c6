"""Processes of another processor on this machine, in QEMU's user-mode emulator with a plugin that counts."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from ...edge.common.errors import RuntimeUnavailableError
from .markers import BASE, Counts, read_marks

PACKAGE = Path(__file__).resolve().parents[2]
SOURCE = Path(__file__).with_name("counter.c")
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); "
    "from edgeemo.benchmarks.instructions.guest import main; main(*sys.argv[2:])"
)
#: Prints the processor and the missing packages, and leaves two marks to show that it is counted.
_PROBE = (
    "import os, platform, sys; from importlib.util import find_spec; "
    "_ = [os.isatty(int(sys.argv[1])) for _ in range(2)]; "
    "print(platform.machine(), *(name for name in ('click', 'numpy', 'cv2', 'PIL') if not find_spec(name)))"
)
#: Whatever Python, NumPy and the runtimes would take from chance or from the number of cores.
_FIXED = {
    "PYTHONHASHSEED": "0",
    "QEMU_RAND_SEED": "0",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "PYTHONSAFEPATH": "1",
}


def compile_counter(target: Path) -> None:
    """Compile counter.c with gcc.

    Raises:
        RuntimeUnavailableError: there is no gcc, or it lacks the C library's headers.
    """
    compiler = shutil.which("gcc")
    if compiler is None:
        raise RuntimeUnavailableError(
            "gcc is missing, which compiles the counter of instructions", hint="apt-get install gcc libc6-dev"
        )
    command = [compiler, "-std=c11", "-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden"]
    process = subprocess.run([*command, "-o", str(target), str(SOURCE)], capture_output=True, text=True, check=False)
    if process.returncode:
        reason = next((line for line in process.stderr.splitlines() if "error" in line), "no reason given")
        raise RuntimeUnavailableError(
            f"gcc cannot compile the counter of instructions ({reason[:160]})", hint="apt-get install gcc libc6-dev"
        )


def emulator_version() -> str:
    """Return the version of the qemu-aarch64 on the PATH.

    Raises:
        RuntimeUnavailableError: there is none.
    """
    program = shutil.which("qemu-aarch64")
    if program is None:
        raise RuntimeUnavailableError(
            "qemu-aarch64 is missing, which runs the emulated processor", hint="apt-get install qemu-user"
        )
    first = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.split("\n")[0]
    return first.removeprefix("qemu-aarch64 version ").split(" ")[0]


class Guest:
    """An emulated Python interpreter.

    Args:
        python: program that runs qemu-aarch64 with an aarch64 Python and the packages of the base install.
        counter: the compiled plugin.
        folder: for files.

    Raises:
        EdgeemoError: it cannot be run or counted, is not emulated, or lacks packages.
    """

    def __init__(self, python: str | Path, counter: Path, folder: Path) -> None:
        self.python = str(python)
        self._counter, self._folder = counter, folder
        # The emulated interpreter runs this package, whatever its folder is called.
        link = folder / "edgeemo"
        if not link.exists():
            link.symlink_to(PACKAGE)
        marks = folder / "probe.txt"
        process = self._run(_PROBE, [str(BASE)], marks)
        machine, *missing = process.stdout.split() or [""]
        if process.returncode or not machine:
            raise self._failed(process)
        if machine != "aarch64":
            raise RuntimeUnavailableError(f"{self.python} is not emulated", expected="aarch64", got=machine)
        if missing:
            raise RuntimeUnavailableError(
                f"{self.python} lacks {', '.join(missing)}",
                expected="an aarch64 Python with the packages of the base install",
                hint="see docs/instruction-counts.md",
            )
        read_marks(marks)

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], Counts]:
        """Run :func:`edgeemo.benchmarks.instructions.guest.main`; its answer and what was counted.

        Raises:
            RuntimeUnavailableError: it says so, it failed, or it was not counted.
        """
        with tempfile.TemporaryDirectory(dir=self._folder) as name:
            folder = Path(name)
            asked, answered, marks = folder / "request.json", folder / "answer.json", folder / "marks.txt"
            asked.write_text(json.dumps(request), encoding="utf-8")
            process = self._run(_START, [str(self._folder), str(asked), str(answered)], marks)
            if not answered.exists():
                raise self._failed(process)
            answer: dict[str, Any] = json.loads(answered.read_text(encoding="utf-8"))
            if "error" in answer:
                raise RuntimeUnavailableError(f"{self.python}: {answer['error']}")
            return answer, read_marks(marks)

    def _run(self, code: str, arguments: list[str], marks: Path) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self.python, "-c", code, *arguments],
                env={**os.environ, **_FIXED, "QEMU_PLUGIN": f"file={self._counter},out={marks}"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                check=False,
            )
        except OSError as error:
            raise RuntimeUnavailableError(
                f"{self.python} cannot be started ({error.strerror})",
                expected="an emulated Python",
                hint="see docs/instruction-counts.md",
            ) from error

    def _failed(self, process: subprocess.CompletedProcess[str]) -> RuntimeUnavailableError:
        last = process.stderr.strip().splitlines()[-1:] or [f"exit code {process.returncode}"]
        return RuntimeUnavailableError(
            f"{self.python} cannot run edgeemo ({last[0][:160]})",
            expected="an aarch64 Python with the packages of the base install",
            hint="see docs/instruction-counts.md",
        )
