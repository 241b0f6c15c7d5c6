"""Report about a .tflite: its card, operators and cost, and the operators that accelerators support."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..common.errors import EdgeemoError, FileError
from ..common.files import existing, sha256
from ..common.tables import aligned, name_values
from ..model.card import ModelCard, card_of, read_card_beside
from ..tflite.graph import Graph, Operator, TensorInfo, read_graph
from .edgetpu import CACHE_BYTES, MAPPED, edgetpu_statuses, parameter_bytes
from .edgetpu_compiler import Compilation, compile_model
from .xnnpack import RULES, delegated_operators, xnnpack_fallbacks


@dataclass(frozen=True)
class Inspection:
    """Report about one model.

    Args:
        path, bytes, sha256: of the file.
        card: None when it carries none.
        graph: its operators.
        xnnpack: why XNNPACK leaves each operator to the runtime, by the rules; empty when it takes it.
        edgetpu: the status that the Edge TPU compiler is predicted to give each.
        runtime: name and version of the installed runtime; empty when it did not load the model.
        delegated: positions of the operators that this runtime delegates; None when unknown.
        unchecked: why the runtime was not asked; empty when it was.
        compilation: result of the Edge TPU compiler, if it was run.
    """

    path: Path
    bytes: int
    sha256: str
    card: ModelCard | None
    graph: Graph
    xnnpack: tuple[str, ...]
    edgetpu: tuple[str, ...]
    runtime: str = ""
    delegated: frozenset[int] | None = None
    unchecked: str = ""
    compilation: Compilation | None = None

    @classmethod
    def of(cls, path: str | Path, *, runtime: str = "auto", compiler: bool = False) -> Inspection:
        """Inspect a .tflite.

        Args:
            path: file to inspect.
            runtime: against which the rules are held; auto is the one that runs models here.
            compiler: run the Edge TPU compiler too.

        Raises:
            FileError: it is not there, not a model, or damaged; or the compiler is missing or refuses it.
        """
        path = existing(path, "a .tflite model")
        try:
            data = path.read_bytes()
        except OSError as error:
            raise FileError(
                f"{path} cannot be read ({error.strerror})", expected="a .tflite model", hint="check the path"
            ) from error
        graph = read_graph(data, str(path))
        asked, delegated, unchecked = "", None, ""
        try:
            asked, delegated = delegated_operators(path, runtime=runtime)
        except EdgeemoError as error:
            unchecked = str(error)
        return cls(
            path,
            len(data),
            sha256(data),
            card_of(data, str(path)) or read_card_beside(path),
            graph,
            xnnpack_fallbacks(graph),
            edgetpu_statuses(graph),
            asked,
            delegated,
            unchecked,
            compile_model(data, str(path)) if compiler else None,
        )

    @property
    def surprises(self) -> list[int]:
        """Positions of the operators that the installed runtime delegates otherwise than predicted."""
        if self.delegated is None:
            return []
        return sorted(self.delegated ^ {position for position, reason in enumerate(self.xnnpack) if not reason})

    def to_dict(self) -> dict[str, Any]:
        """Return the report for JSON."""
        rows = zip(self.graph.operators, self.xnnpack, self.edgetpu, strict=True)
        value: dict[str, Any] = {
            "file": str(self.path),
            "bytes": self.bytes,
            "sha256": self.sha256,
            "card": self.card.to_dict() if self.card else None,
            "inputs": [_tensor(tensor) for tensor in self.graph.inputs],
            "outputs": [_tensor(tensor) for tensor in self.graph.outputs],
            "operators": [
                {
                    "name": op.name,
                    "version": op.version,
                    "activation": op.activation,
                    "inputs": [_tensor(tensor) for tensor in op.inputs],
                    "outputs": [_tensor(tensor) for tensor in op.outputs],
                    "constant_bytes": _constant_bytes(op),
                    "macs": op.macs,
                    "xnnpack": {"taken": not reason, "reason": reason or None},
                    "edgetpu_predicted": {"mapped": status == MAPPED, "status": status},
                }
                for op, reason, status in rows
            ],
            "totals": {
                "operators": len(self.graph.operators),
                "macs": self.graph.macs,
                "constant_bytes": self.graph.constant_bytes,
            },
            "xnnpack": {
                "rules": RULES,
                "taken": sum(not reason for reason in self.xnnpack),
                "runtime": self.runtime or None,
                "delegated": None if self.delegated is None else sorted(self.delegated),
                "unchecked": self.unchecked or None,
            },
            "edgetpu_predicted": {
                "mapped": self.edgetpu.count(MAPPED),
                "parameter_bytes": parameter_bytes(self.graph),
                "cache_bytes": CACHE_BYTES,
            },
        }
        if self.compilation:
            log = [
                {"operator": name, "status": status, "count": count}
                for (name, status), count in sorted(self.compilation.log.items())
            ]
            differences = self.compilation.differences(self.graph, self.edgetpu)
            value["edgetpu_compiled"] = {**self.compilation.facts, "log": log, "differences": differences}
        return value

    def text(self) -> str:
        """Return the report as text."""
        rows = [("file", str(self.path)), ("bytes", f"{self.bytes:,}"), ("SHA-256", self.sha256)]
        rows += self.card.rows() if self.card else [("card", "none")]
        return "\n\n".join(
            [name_values(rows), self._table(), self._on_xnnpack(), self._on_edgetpu(), *self._compiled()]
        )

    def _table(self) -> str:
        head = ["", "operator", "output", "type", "scale", "zero", "weights", "bytes", "MACs", "XNNPACK", "Edge TPU*"]
        rows = [head]
        found = zip(self.graph.operators, self.xnnpack, self.edgetpu, strict=True)
        for position, (op, reason, status) in enumerate(found):
            out = op.outputs[0]
            marks = ["no" if reason else "yes", "yes" if status == MAPPED else "no"]
            name = op.name if op.activation == "NONE" else f"{op.name} {op.activation}"
            cells = [str(position), name, _shape(out), out.type.lower(), *_affine(out), _weights(op)]
            rows.append([*cells, f"{_constant_bytes(op):,}", f"{op.macs:,}", *marks])
        count, graph = len(self.graph.operators), self.graph
        total = [f"{graph.constant_bytes:,}", f"{graph.macs:,}"]
        total += [f"{sum(not reason for reason in self.xnnpack)}/{count}", f"{self.edgetpu.count(MAPPED)}/{count}"]
        rows.append(["", "total", *[""] * 5, *total])
        return aligned(rows, left=(1, 3, 6))

    def _on_xnnpack(self) -> str:
        operators, macs = self.graph.operators, self.graph.macs
        left = [(op, reason) for op, reason in zip(operators, self.xnnpack, strict=True) if reason]
        first = f"XNNPACK ({RULES}'s rules): takes {len(operators) - len(left)} of {len(operators)} operators"
        if macs:
            first += f", {1 - sum(op.macs for op, _ in left) / macs:.1%} of the MACs"
        return "\n".join([first, *_grouped((op.name, reason) for op, reason in left), f"  {self._check()}"])

    def _on_edgetpu(self) -> str:
        operators, mapped = self.graph.operators, self.edgetpu.count(MAPPED)
        lines = [f"* Edge TPU, predicted: {mapped} of {len(operators)} operators are mapped"]
        lines += _grouped((op.name, s) for op, s in zip(operators, self.edgetpu, strict=True) if s != MAPPED)
        if mapped:
            size = parameter_bytes(self.graph)
            note = ", some of which the program itself needs"
            if size > CACHE_BYTES:
                note = f"; {size - CACHE_BYTES:,} bytes are too many and streamed for every image"
            share = f"{size:,} bytes of {CACHE_BYTES:,} on the chip ({size / CACHE_BYTES:.1%})"
            lines.append(f"  their parameters: {share}{note}")
        return "\n".join(lines)

    def _check(self) -> str:
        if self.delegated is None:
            return f"not compared with a runtime: {self.unchecked}"
        if not self.surprises:
            return f"{self.runtime} here does just that"
        if not self.delegated:
            return f"{self.runtime} here hands it none of them"
        differing = ", ".join(f"{position} {self.graph.operators[position].name}" for position in self.surprises)
        return f"{self.runtime} here hands it {len(self.delegated)}; it differs in {differing}"

    def _compiled(self) -> list[str]:
        if self.compilation is None:
            return []
        facts = self.compilation.facts
        lines = [f"Edge TPU compiler {facts.get('version', '')}".rstrip()]
        lines += _grouped(name_status for name_status, count in self.compilation.log.items() for _ in range(count))
        lines += [f"  {name.replace('_', ' ')}: {value}" for name, value in facts.items() if name != "version"]
        differences = self.compilation.differences(self.graph, self.edgetpu)
        lines += [f"  otherwise than predicted: {line}" for line in differences] or ["  as predicted"]
        return ["\n".join(lines)]


def _grouped(pairs: Any) -> list[str]:
    """Lines of operator, count and reason, the most frequent first."""
    return [f"  {name} x{count}: {reason}" for (name, reason), count in Counter(pairs).most_common()]


def _tensor(tensor: TensorInfo) -> dict[str, Any]:
    return {
        "name": tensor.name,
        "shape": list(tensor.shape),
        "type": tensor.type,
        "scales": list(tensor.scales),
        "zero_points": list(tensor.zero_points),
        "axis": tensor.axis if len(tensor.scales) > 1 else None,
        "constant": tensor.constant,
        "bytes": tensor.bytes,
    }


def _constant_bytes(operator: Operator) -> int:
    return sum({tensor.buffer: tensor.bytes for tensor in operator.constants}.values())


def _shape(tensor: TensorInfo) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _affine(tensor: TensorInfo) -> tuple[str, str]:
    if not tensor.scales:
        return "", ""
    if len(tensor.scales) > 1:
        return f"{len(tensor.scales)} scales", ""
    return f"{tensor.scales[0]:.4g}", str(tensor.zero_points[0]) if tensor.zero_points else "0"


def _weights(operator: Operator) -> str:
    """Shape, type and granularity of the largest constant; operands such as axes are none."""
    stored = [tensor for tensor in operator.constants if not tensor.values or tensor.scales]
    if not stored:
        return ""
    largest = max(stored, key=lambda tensor: tensor.bytes)
    channels = f", {len(largest.scales)} scales" if len(largest.scales) > 1 else ""
    return f"{_shape(largest)} {largest.type.lower()}{channels}"
