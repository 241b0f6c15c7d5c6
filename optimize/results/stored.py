"""Systems as JSON, so that a row stays known when the run folder with its large models is gone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, TypeVar

from ...edge.common.errors import DataError
from ..methods import METHODS, columns
from .figures import RecordedAccuracy, RecordedChange
from .model import Model
from .system import System, Timing

_Data = TypeVar("_Data", RecordedAccuracy, RecordedChange, Timing)


def to_list(systems: Sequence[System]) -> list[dict[str, Any]]:
    """Return the systems for JSON; null stands for what is missing."""
    return [
        {
            "system": system.name,
            "run": str(system.folder) if system.folder else None,
            "data": list(system.data),
            "parameters": system.parameters,
            "macs": system.macs,
            "published": system.published or None,
            "models": {
                method: {
                    **_model(system.models.get(method)),
                    "accuracy": asdict(figure) if (figure := system.accuracy(method)) else None,
                    "change": asdict(change) if (change := system.change(method)) else None,
                }
                for method in dict.fromkeys((*columns(), *system.models))
            },
            "latency": {method: asdict(timing) for method, timing in system.timings.items()},
            "doubts": system.doubts(METHODS.names()),
            "missing": [{"what": what, "command": command} for what, command in system.missing],
        }
        for system in systems
    ]


def _model(model: Model | None) -> dict[str, Any]:
    if model is None:
        return {"file": None, "bytes": None}
    return {
        "file": str(model.path),
        "bytes": model.size,
        "name": model.name,
        "sha256": model.sha256,
        "graph": model.graph,
        "macs": model.macs,
        "test": asdict(model.test) if model.test else None,
        "reference": asdict(model.reference) if model.reference else None,
    }


def read_systems(path: Path) -> list[System]:
    """Read the systems of a file that ``edgeemo results --json`` has written.

    Raises:
        DataError: it is no such file.
    """
    try:
        return [_system(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} holds no systems ({type(error).__name__}: {error})",
            expected="what edgeemo results --json writes",
        ) from error


def _system(entry: Mapping[str, Any]) -> System:
    name = str(entry["system"])
    return System(
        name,
        entry["published"] or "",
        Path(entry["run"]) if entry["run"] else None,
        tuple(str(word) for word in entry["data"]),
        entry["parameters"],
        {method: _model_of(name, method, known) for method, known in entry["models"].items() if known["file"]},
        {method: _data(Timing, known) for method, known in entry["latency"].items()},
    )


def _model_of(recipe: str, method: str, known: Mapping[str, Any]) -> Model:
    def figure(key: str) -> RecordedAccuracy | None:
        return _data(RecordedAccuracy, known[key]) if known[key] else None

    return Model(
        Path(known["file"]),
        str(known["name"]),
        recipe,
        method,
        int(known["bytes"]),
        str(known["sha256"]),
        str(known["graph"]),
        int(known["macs"]),
        figure("test"),
        figure("reference"),
        _data(RecordedChange, known["change"]) if known["change"] else None,
    )


def _data(kind: type[_Data], known: Mapping[str, Any]) -> _Data:
    return kind(**{field.name: known[field.name] for field in fields(kind)})
