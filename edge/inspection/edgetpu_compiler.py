"""The Edge TPU compiler, where it is installed, and the comparison of its log with the prediction."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import ModelError, RuntimeUnavailableError
from ..tflite.container import split_model
from ..tflite.graph import Graph
from .edgetpu import MAPPED

PROGRAM = "edgetpu_compiler"
_SECONDS = 600
#: A row of the log: operator, count, status, in columns of at least two spaces.
_ROW = re.compile(r"^(\S+)\s{2,}(\d+)\s{2,}(\S.*?)\s*$")
_FACTS = {
    "version": r"Edge TPU Compiler version (\S+)",
    "input_size": r"Input size: (\S+)",
    "output_size": r"Output size: (\S+)",
    "on_chip": r"On-chip memory used for caching model parameters: (\S+)",
    "on_chip_left": r"On-chip memory remaining for caching model parameters: (\S+)",
    "streamed": r"Off-chip memory used for streaming uncached model parameters: (\S+)",
    "subgraphs": r"Number of Edge TPU subgraphs: (\S+)",
}


@dataclass(frozen=True)
class Compilation:
    """Result of a compilation.

    Args:
        log: (operator, status) -> count.
        facts: further output as text: version, sizes and memory.
    """

    log: Counter[tuple[str, str]]
    facts: dict[str, str]

    @property
    def mapped(self) -> Counter[str]:
        """Operator -> how many of them run on the accelerator."""
        return Counter({name: count for (name, status), count in self.log.items() if status == MAPPED})

    def differences(self, graph: Graph, predicted: tuple[str, ...]) -> list[str]:
        """Return where the prediction was wrong, one sentence for each kind of operator.

        The log counts operators and does not say which: two that change places are not seen.
        """
        expected = Counter(op.name for op, status in zip(graph.operators, predicted, strict=True) if status == MAPPED)
        return [
            f"{name}: {expected[name]} predicted to be mapped, {self.mapped[name]} are"
            for name in sorted(expected | self.mapped)
            if expected[name] != self.mapped[name]
        ]


def compile_model(model: bytes, where: str) -> Compilation:
    """Compile for the Edge TPU in a temporary folder; the compiled model is not kept.

    Args:
        model: bytes of a .tflite; its card is left out.
        where: file name for messages.

    Raises:
        ModelError: the compiler is not installed, refuses the model, takes too long, or writes no log.
    """
    program = shutil.which(PROGRAM)
    if program is None:
        raise RuntimeUnavailableError(
            f"{PROGRAM} is not on the PATH",
            hint="install it as https://coral.ai/docs/edgetpu/compiler says (x86-64 Linux), or leave out --compile",
        )
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder:
        source = Path(folder) / "model.tflite"
        source.write_bytes(split_model(model)[0])
        try:
            done = subprocess.run(
                [program, "-s", "-o", folder, str(source)],
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
                cwd=folder,
            )
        except subprocess.TimeoutExpired as error:
            raise RuntimeUnavailableError(f"{PROGRAM} did not finish {where} in {_SECONDS} s") from error
        except OSError as error:
            raise RuntimeUnavailableError(
                f"{program} cannot be started ({error.strerror})", hint="install it again"
            ) from error
        said = done.stderr + done.stdout
        log = Path(folder) / "model_edgetpu.log"
        if done.returncode or not log.is_file():
            raise ModelError(f"{PROGRAM} refused {where} ({_last_words(said) or f'exit code {done.returncode}'})")
        return Compilation(_read_log(log, where), _facts(said))


def _read_log(path: Path, where: str) -> Counter[tuple[str, str]]:
    rows: Counter[tuple[str, str]] = Counter()
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if match := _ROW.match(line):
            rows[match[1], match[3]] += int(match[2])
    if not rows:
        raise ModelError(f"the log of {PROGRAM} for {where} lists no operators")
    return rows


def _facts(said: str) -> dict[str, str]:
    found = {name: re.search(pattern, said) for name, pattern in _FACTS.items()}
    return {name: match[1] for name, match in found.items() if match}


def _last_words(said: str) -> str:
    """The line that names the reason, or the last one."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    reasons = [line for line in lines if re.search(r"error|failed|invalid|unsupported", line, re.IGNORECASE)]
    return (reasons or lines or [""])[0][:200]
