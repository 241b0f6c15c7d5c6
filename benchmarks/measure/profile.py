"""Time of each operator of a model, from the times of its prefixes.

Neither runtime offers its per-operator profile to Python. But a model that is cut after its n-th operator can be run
by the same runtime, with the same delegate: what it takes longer than the one that is cut before is what that operator
adds. All prefixes are timed in turns, so that a slow moment hits all alike.
"""

from __future__ import annotations

import json
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.errors import DataError, FileError
from ...edge.common.files import existing, sha256, write_text
from ...edge.host.hardware import Device, read_device
from ...edge.inference.interpreter import Session, load, runtime_version
from ...edge.model.card import read_card
from ...edge.tflite.graph import read_graph
from ...edge.tflite.truncate import truncate_model
from ..host.monitor import DeviceMonitor
from ..host.reliability import unreliable_reasons
from ..statistics.bootstrap import matched_medians

SCHEMA = 1
#: Fewer rounds have no quartiles worth the name.
LEAST_ROUNDS = 10
_MOST_ROUNDS = 400
#: A turn lasts at least this long, and begins with queries that find the caches full of another prefix's data.
_TURN_MS = 2.0
_TURN_WARM_UP = 2
_MOST_PER_TURN = 100


@dataclass(frozen=True)
class OperatorTime:
    """What one operator adds to an invoke.

    Args:
        name: of the schema (``CONV_2D``).
        shape: of what it writes, with the batch axis.
        macs: multiply-accumulates.
        ms: of the prefix with it, less that of the prefix without; see :func:`operator_times`. Below 0 is noise, or a
            delegate that does two operators in one.
        low, high: quartiles of the difference within a round.
        delegated: whether a delegate runs it; None where the runtime does not report it.
    """

    name: str
    shape: tuple[int, ...]
    macs: int
    ms: float
    low: float
    high: float
    delegated: bool | None = None


@dataclass(frozen=True)
class Profile:
    """One model, operator by operator, in one runtime on one device.

    Args:
        created: UTC, ISO 8601.
        name: of the model.
        file, sha256: of the .tflite.
        runtime, runtime_version, delegate, threads: what ran it.
        rounds: in which every prefix had one turn.
        total_ms: of the whole model, without setting its input and copying its output.
        operators: in the order in which they run.
        device: where it ran.
        reasons: why the figures are unreliable; empty when they are not.
    """

    created: str
    name: str
    file: str
    sha256: str
    runtime: str
    runtime_version: str
    delegate: str
    threads: int
    rounds: int
    total_ms: float
    operators: tuple[OperatorTime, ...]
    device: Device
    reasons: tuple[str, ...] = ()

    @property
    def unreliable(self) -> bool:
        """Whether the figures do not show what the device can do; see ``reasons``."""
        return bool(self.reasons)

    @property
    def by_kind(self) -> dict[str, tuple[int, float]]:
        """Name of an operator -> how many there are and the milliseconds of all of them, the most first."""
        kinds: dict[str, tuple[int, float]] = {}
        for operator in self.operators:
            count, ms = kinds.get(operator.name, (0, 0.0))
            kinds[operator.name] = count + 1, ms + operator.ms
        return dict(sorted(kinds.items(), key=lambda item: -item[1][1]))

    def to_json(self) -> str:
        """Return one line, without the newline."""
        return json.dumps({"schema": SCHEMA, "kind": "profile", **asdict(self)}, ensure_ascii=False)

    @classmethod
    def from_dict(cls, value: Any, where: str) -> Profile:
        """Read what :meth:`to_json` wrote.

        Raises:
            DataError: no profile, or one of another schema.
        """
        if not isinstance(value, dict) or value.get("kind") != "profile" or value.get("schema") != SCHEMA:
            raise DataError(
                f"{where} is not a profile", expected=f"schema {SCHEMA}", hint="make it with edgeemo benchmark profile"
            )
        fields = {key: item for key, item in value.items() if key not in ("schema", "kind")}
        try:
            operators = tuple(OperatorTime(**{**entry, "shape": tuple(entry["shape"])}) for entry in value["operators"])
            known = {"operators": operators, "device": Device(**value["device"]), "reasons": tuple(value["reasons"])}
            return cls(**{**fields, **known})
        except (TypeError, KeyError) as error:
            raise DataError(f"{where} is not a valid profile ({error})", hint="measure again") from error


def profile(
    path: str | Path,
    *,
    runtime: str = "auto",
    threads: int = 1,
    seconds: float = 10.0,
    root: str | Path = "/",
    progress: Callable[[int, int], None] | None = None,
) -> Profile:
    """Time every operator of a model.

    Args:
        path: of a .tflite with one input and one output.
        runtime, threads: see :func:`edgeemo.edge.inference.interpreter.load`.
        seconds: to spend; at least :data:`LEAST_ROUNDS` rounds are run whatever they take.
        root: see :func:`edgeemo.edge.host.hardware.read_device`.
        progress: called with the rounds done and all of them.

    Raises:
        EdgeemoError: the model cannot be loaded, also not in parts.
    """
    path = existing(path, "a .tflite model")
    whole = load(path, runtime=runtime, threads=threads)
    data = path.read_bytes()
    graph, card = read_graph(data, str(path)), read_card(path)
    with tempfile.TemporaryDirectory(prefix="edgeemo-") as folder:
        sessions = []
        for count in range(1, len(graph.operators) + 1):
            part = Path(folder, "prefix.tflite")
            part.write_bytes(truncate_model(data, count, str(path)))
            sessions.append(load(part, runtime=whole.runtime, threads=threads))
    sessions.append(whole)
    tensor = _noise(whole)
    for session in sessions:
        session.invoke(tensor)
    device = read_device(root)
    with DeviceMonitor(root=root) as monitor:
        times = _rounds(sessions, seconds, progress or (lambda done, total: None))
    total, added, low, high = operator_times(times)
    delegated = whole.delegated
    return Profile(
        created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        name=card.name if card else path.stem,
        file=str(path),
        sha256=sha256(data),
        runtime=whole.runtime,
        runtime_version=runtime_version(whole.runtime),
        delegate=whole.delegate,
        threads=threads,
        rounds=len(times),
        total_ms=total,
        operators=tuple(
            OperatorTime(
                name=operator.name,
                shape=operator.outputs[0].shape,
                macs=operator.macs,
                ms=float(added[index]),
                low=float(low[index]),
                high=float(high[index]),
                delegated=None if delegated is None else index in delegated,
            )
            for index, operator in enumerate(graph.operators)
        ),
        device=device,
        reasons=unreliable_reasons(monitor.states, cores=device.cores, own=threads, others=monitor.others),
    )


def operator_times(times: np.ndarray) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Return the time of the whole model, and of each operator with its quartiles, float64 (operators,) each.

    Plain medians of two prefixes may be those of two paces of a busy machine, and then their difference is not the
    operator's. Differences between matched medians are free of that, and add up to the whole as medians of differences
    would not.

    Args:
        times: milliseconds in each round of every prefix, shortest first, and of the whole model once more, float
            (rounds, operators + 1).
    """
    *prefixes, whole = matched_medians(times)
    # The first operator has none before it: its time is with what an invoke costs anyway.
    added = np.diff(prefixes, prepend=0.0)
    low, high = np.percentile(np.diff(times[:, :-1], axis=1, prepend=0.0), (25, 75), axis=0)
    return float(whole), added, low, high


def write_profiles(path: str | Path, profiles: Sequence[Profile]) -> None:
    """Write profiles as JSON lines, atomically."""
    write_text(path, "".join(profile.to_json() + "\n" for profile in profiles))


def read_profiles(path: str | Path) -> list[Profile]:
    """Read JSON lines.

    Raises:
        FileError: no such file, or a line that is not a profile.
    """
    path = existing(path, "profiles (.jsonl)")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        return [
            Profile.from_dict(json.loads(line), f"{path}, line {number}")
            for number, line in enumerate(lines, 1)
            if line.strip()
        ]
    except (OSError, ValueError) as error:
        raise FileError(f"{path} cannot be read ({error})", expected="profiles (.jsonl)") from error


def _noise(session: Session) -> np.ndarray:
    source, wanted = np.random.default_rng(0), session.input
    if wanted.dtype.kind in "iu":
        limits = np.iinfo(wanted.dtype)
        return source.integers(limits.min, limits.max, wanted.shape, wanted.dtype)
    return source.random(wanted.shape).astype(wanted.dtype)


def _rounds(sessions: Sequence[Session], seconds: float, progress: Callable[[int, int], None]) -> np.ndarray:
    """Return median milliseconds of each session's turn in each round, float64 (rounds, sessions)."""
    order, shuffle = list(range(len(sessions))), random.Random(0)
    began, rounds = time.monotonic(), list[np.ndarray]()
    while True:
        shuffle.shuffle(order)
        medians = np.empty(len(sessions))
        for index in order:
            medians[index] = _turn(sessions[index])
        rounds.append(medians)
        spent = time.monotonic() - began
        expected = min(_MOST_ROUNDS, max(LEAST_ROUNDS, int(seconds * len(rounds) / spent)))
        progress(len(rounds), max(expected, len(rounds)))
        if len(rounds) >= expected:
            return np.stack(rounds)


def _turn(session: Session) -> float:
    for _ in range(_TURN_WARM_UP):
        session.compute()
    spans: list[int] = []
    while len(spans) < _MOST_PER_TURN and (len(spans) < 3 or sum(spans) < 1e6 * _TURN_MS):
        started = time.perf_counter_ns()
        session.compute()
        spans.append(time.perf_counter_ns() - started)
    return float(np.median(spans)) / 1e6
