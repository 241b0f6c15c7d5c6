"""Options of a benchmark."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..edge.common.errors import DataError, OptionError
from ..edge.inference.delegate import DelegateSpec
from ..edge.model.card import ModelCard
from ..train.datasets.dataset import Dataset
from .measure.latency import check_amount


@dataclass(frozen=True)
class BenchmarkOptions:
    """What is measured, and how long.

    Args:
        runtimes, threads, delegates: see :func:`edgeemo.edge.inference.interpreter.load`. Every model is measured with
            every combination of them. With more than one delegate (None is the CPU) a model that one of them does not
            run is left out there, and the records say why.
        queries: at least so many for each model. By default enough for a p95, and for a p90 with its bound.
        seconds: at least so long for each model.
        sustained: minutes for which the device is kept busy, to see how the medians change.
        ceiling: measure the runtimes' fastest int8 matrix products in the same rounds, and what the models reach of it.
        data: images to measure the accuracy on, and to feed; without them the models are fed noise.
        card: card for the models that carry none.
        root: see :func:`edgeemo.edge.host.hardware.read_device`.
        probe_options: values of the options that probes declare, by parameter name: ``{"offline": True}`` measures the
            throughput of batches, ``{"frames": [paths]}`` times the way from a compressed image to labels,
            ``{"instructions": True, "arm_python": [paths]}`` counts executed instructions.
    """

    runtimes: Sequence[str] = ("auto",)
    threads: Sequence[int] = (1,)
    delegates: Sequence[DelegateSpec | None] = (None,)
    queries: int = 300
    seconds: float = 0.0
    sustained: float = 0.0
    ceiling: bool = False
    data: Dataset | None = None
    card: ModelCard | None = None
    root: str | Path = "/"
    probe_options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.data is not None and not len(self.data):
            raise DataError(f"{self.data.name} has no images", expected="images to measure the accuracy on")
        check_amount(self.queries, self.seconds)
        if not 0 <= self.sustained < math.inf:
            raise OptionError("sustained out of range", expected="minutes, 0 or more", got=str(self.sustained))
