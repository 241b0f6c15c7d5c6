"""Full int8 after quantization-aware training."""

from __future__ import annotations

from ...edge.common.errors import ModelError
from ...edge.tflite.graph import Graph
from ..graph.verify import verify_integer, verify_skipped
from ..options import QuantizeOptions
from .method import Converted, Job, Method, engine


def convert(job: Job) -> Converted:
    """Train with fake quantization and convert with the ranges that were learned."""
    from ..float_model import KERAS3
    from ..qat.train import train_int8

    model, options = job.float_model, job.options.qat
    if not model.trainable or model.recipe is None:
        raise ModelError(
            f"{model.path} cannot be trained quantization-aware",
            expected="a run, or a model of tf_keras with a recipe that tells how to train it (--recipe)",
            got=model.kind,
            hint="use --method int8, or build the network with tf_keras (Keras 2) and copy its weights"
            if model.kind == KERAS3
            else "use --method int8, or give the run folder",
        )
    assert job.data is not None
    flatbuffer, aware = train_int8(
        model.model,
        options.recipe(model.recipe),
        job.data,
        options,
        seed=model.seed,
        checkpoint=job.out.with_name(f".{job.out.stem}-training"),
        quiet=job.quiet,
    )
    return Converted(flatbuffer, engine("tensorflow"), options.note, aware)


def verify(graph: Graph, options: QuantizeOptions) -> None:
    """Require that everything is int8, except for the layers that were skipped."""
    if options.qat.skip:
        verify_skipped(graph, options.qat.skip)
    else:
        verify_integer(graph, "INT8", "full int8")


method = Method("qat", title="int8 QAT", convert=convert, verify=verify, trains=True, column=True)
