"""From a Keras model to the bytes of a .tflite, with a fixed batch of one and the promise of full int8 held."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Collection, Iterator
from typing import Any

import numpy as np

from ..edge.errors import EdgeemoError
from ..edge.graph import read_graph
from ..edge.preprocess import InputSpec, normalise
from ..edge.quiet import quiet_native
from ..train.backend import tf
from .left_in_float import require_only_skipped


def to_float(model: Any, spec: InputSpec) -> bytes:
    """Convert without quantisation: float32 in, float32 out."""
    return _convert(_converter(model, spec))


def to_int8(model: Any, spec: InputSpec, calibration: np.ndarray | None, *, skip: Collection[str] = ()) -> bytes:
    """Convert to full int8: int8 in, int8 out, no floating-point operator in between.

    Args:
        model: a float model, or one that carries the ranges of quantization-aware training.
        spec: the model's input.
        calibration: uint8 (n, height, width, channels) for a float model (post-training quantisation, per-channel
            weights; Jacob et al. 2018, arXiv:1712.05877); None when the model carries its ranges.
        skip: layers that have no ranges and stay in floating point.

    Raises:
        EdgeemoError: the converter failed, or left floating-point operators in the graph.
    """
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration is not None:
        converter.representative_dataset = lambda: ([normalise(pixels, spec)[None]] for pixels in calibration)
        # Without a representative set the converter takes this as an error; the check below holds the promise then.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    data = _convert(converter)
    if skip:
        require_only_skipped(data, skip)
    else:
        require_full_int8(data)
    return data


def require_full_int8(data: bytes) -> None:
    """Look into a .tflite for floating point.

    Raises:
        EdgeemoError: an operator, the input or the output is not integer.
    """
    graph = read_graph(data)
    edges = [tensor for tensor in (*graph.inputs, *graph.outputs) if tensor.type != "INT8"]
    if graph.floating or edges:
        left = ", ".join(f"{count} {name}" for name, count in graph.floating.items())
        raise EdgeemoError(
            "the converted model is not full int8",
            expected="no floating-point operator, int8 input and output",
            got=left or ", ".join(tensor.type for tensor in edges),
        )


def _converter(model: Any, spec: InputSpec) -> Any:
    # A fixed batch keeps SHAPE, STRIDED_SLICE and PACK out of the graph.
    signature = tf.TensorSpec((1, *spec.shape), tf.float32, name="face")
    concrete = tf.function(lambda face: model(face, training=False)).get_concrete_function(signature)
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)


def _convert(converter: Any) -> bytes:
    try:
        with _silence():
            data: bytes = converter.convert()
    except MemoryError as error:
        raise EdgeemoError(
            "the conversion ran out of memory", mend="close other programs, or use a larger machine"
        ) from error
    except Exception as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise EdgeemoError(f"the TFLite converter refused the model ({reason})") from error
    return data


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep the converter's own talk (prints, logs, deprecations) off the terminal; errors come as exceptions."""
    with quiet_native(), warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
