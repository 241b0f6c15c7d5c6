"""Distribution strategies: replicas of a model in one place, on all devices of a machine, or on several machines."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import Any

from ...edge.common.errors import OptionError, RuntimeUnavailableError
from ..backend import tf
from ..inputs.batches import Batches

NAMES = ("none", "mirrored", "multiworker")

_EXAMPLE = """TF_CONFIG='{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'"""


@dataclass(frozen=True)
class Strategy:
    """A ``tf.distribute`` strategy and this process's place in it. Every replica trains on its part of each batch.

    Args:
        distribution: the ``tf.distribute.Strategy``.
        worker: number of this process, from 0; the first is the chief, who alone writes the run folder.
        workers: number of processes.
    """

    distribution: Any
    worker: int = 0
    workers: int = 1

    @property
    def chief(self) -> bool:
        """Return whether this process writes the run folder."""
        return self.worker == 0

    @property
    def replicas(self) -> int:
        """Copies of the model over all processes."""
        return self.distribution.num_replicas_in_sync

    def scope(self) -> Any:
        """Return the context in which a model is built, loaded and compiled."""
        return self.distribution.scope()

    def feed(self, batches: Batches, first_epoch: int | None = None) -> Any:
        """Return the parts of the batches that the replicas here train on, for ``fit``; see :meth:`Batches.dataset`."""
        here = self.replicas // self.workers
        own = range(self.worker * here, (self.worker + 1) * here)
        # Cut by us: what would cut them by itself does not know the size of a batch.
        return self.distribution.distribute_datasets_from_function(
            lambda context: batches.dataset(first_epoch, replicas=own)
        )


def open_strategy(name: str) -> Strategy:
    """Open a strategy by its name. ``multiworker`` must be opened before TensorFlow computes anything.

    Args:
        name: ``none``; ``mirrored`` takes all GPUs of this machine, or its CPU; ``multiworker`` also the machines that
            the environment variable TF_CONFIG names, and waits for them.

    Raises:
        OptionError: unknown name, TF_CONFIG does not fit, or its address cannot be served.
    """
    if name == "none":
        return Strategy(tf.distribute.get_strategy())
    if name == "mirrored":
        kind = "GPU" if tf.config.list_logical_devices("GPU") else "CPU"
        return Strategy(tf.distribute.MirroredStrategy([d.name for d in tf.config.list_logical_devices(kind)]))
    if name != "multiworker":
        raise OptionError("unknown strategy", expected="one of " + ", ".join(NAMES), got=repr(name))
    worker, workers = _place(os.environ.get("TF_CONFIG", ""))
    try:
        return Strategy(tf.distribute.MultiWorkerMirroredStrategy(), worker, workers)
    except (tf.errors.OpError, RuntimeError) as error:
        raise RuntimeUnavailableError(
            f"the workers of TF_CONFIG cannot be joined ({str(error).splitlines()[0]})",
            hint="see that no other process has this worker's port, and that every worker has the same list",
        ) from error


def _place(config: str) -> tuple[int, int]:
    """Number of this process and number of processes."""
    if not config:
        raise OptionError("--strategy multiworker needs TF_CONFIG in the environment", expected=_EXAMPLE)
    try:
        table = json.loads(config)
        cluster, task = table["cluster"], table["task"]
        names = [(kind, index) for kind in ("chief", "worker") for index in range(len(cluster.get(kind, ())))]
        return names.index((task["type"], int(task["index"]))), len(names)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError("TF_CONFIG does not name this worker's place", expected=_EXAMPLE, got=config) from error
