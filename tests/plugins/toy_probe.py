"""A metric of the benchmark: the memory pages that a model's process had to fetch."""

import resource
from typing import Any

from edgeemo.benchmarks.probes import Column, Probe


def count_faults(worker: Any) -> dict[str, int]:
    """Run in the process of each model; ``worker.session`` is the model, ``worker.inputs`` are encoded images."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {"minor": usage.ru_minflt, "major": usage.ru_majflt}


PROBE = Probe(
    in_worker=count_faults,
    columns=(Column("page faults", lambda record: f"{record.metrics['page-faults']['minor']:,}"),),
)
