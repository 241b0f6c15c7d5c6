"""From a model to the bytes of a .tflite, with a fixed batch of one and the promise of the method held."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from ...edge.common.console import silence
from ...edge.common.errors import EdgeemoError, ModelError
from ...edge.vision.preprocess import InputSpec, normalize
from ...train.backend import tf
from ..graph.passes import run_passes
from ..graph.verify import verify_full_int8, verify_granularity, verify_method, verify_skipped
from .representative_set import check_calibration

__all__ = ["convert", "to_float", "to_int8", "verify_full_int8"]


def convert(
    model: Any, spec: InputSpec, method: str, calibration: np.ndarray | None = None, *, per_channel: bool = True
) -> bytes:
    """Convert by a post-training method.

    Args:
        model: callable ``model(face, training=False)``: a model of tf_keras or Keras 3, or a SavedModel's signature.
        spec: the model's input.
        method: ``float32``, ``float16``, ``dynamic``, ``int8``, ``int8-float-io`` or ``int16x8``.
        calibration: uint8 (n, height, width, channels); for the last three.
        per_channel: a scale for each output channel of the weights.

    Returns:
        The flatbuffer, which is what the method promises; see :mod:`edgeemo.optimize.graph.verify`.

    Raises:
        EdgeemoError: the calibration faces do not fit, the converter failed, or the promise does not hold.
    """
    if method == "float32":
        return to_float(model, spec)
    if method == "int8":
        return to_int8(model, spec, calibration, per_channel=per_channel)
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = not per_channel
    if method == "float16":
        converter.target_spec.supported_types = [tf.float16]
    elif method == "int8-float-io":
        _calibrate(converter, spec, calibration)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    elif method == "int16x8":
        _calibrate(converter, spec, calibration)
        wide = tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        converter.target_spec.supported_ops = [wide]
        converter.inference_input_type = converter.inference_output_type = tf.int16
    data = _convert(converter)
    verify_method(data, method)
    if method in ("int8-float-io", "int16x8"):
        verify_granularity(data, per_channel=per_channel)
    return data


def to_float(model: Any, spec: InputSpec) -> bytes:
    """Convert without quantization: float32 in, float32 out."""
    data = _convert(_converter(model, spec))
    verify_method(data, "float32")
    return data


def to_int8(
    model: Any,
    spec: InputSpec,
    calibration: np.ndarray | None,
    *,
    per_channel: bool = True,
    skip: Collection[str] = (),
) -> bytes:
    """Convert to full int8: int8 in, int8 out, no floating-point operator in between.

    Args:
        model: a float model, or one that carries the ranges of quantization-aware training.
        spec: the model's input.
        calibration: uint8 (n, height, width, channels) for a float model (post-training quantization, per-channel
            weights; Jacob et al. 2018, arXiv:1712.05877); None when the model carries its ranges.
        per_channel: a scale for each output channel of the weights; only without ranges of its own.
        skip: layers that have no ranges and stay in floating point.

    Raises:
        EdgeemoError: the converter failed, or left floating-point operators in the graph.
    """
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if calibration is not None:
        _calibrate(converter, spec, calibration)
        converter._experimental_disable_per_channel = not per_channel
        # Without a representative set the converter takes this as an error; the check below holds the promise then.
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    data = _convert(converter)
    if skip:
        verify_skipped(data, skip)
    else:
        verify_full_int8(data)
    if calibration is not None:
        verify_granularity(data, per_channel=per_channel)
    return data


def _calibrate(converter: Any, spec: InputSpec, calibration: np.ndarray | None) -> None:
    pixels = check_calibration(calibration, spec)
    converter.representative_dataset = lambda: ([normalize(image, spec)[None]] for image in pixels)


def _converter(model: Any, spec: InputSpec) -> Any:
    # A fixed batch keeps SHAPE, STRIDED_SLICE and PACK out of the graph.
    signature = tf.TensorSpec((1, *spec.shape), tf.float32, name="face")
    try:
        with silence():
            concrete = tf.function(lambda face: model(face, training=False)).get_concrete_function(signature)
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise _exhausted() from error
    except Exception as error:
        raise ModelError(f"the model does not run on an input of {_shape(spec)} ({_reason(error)})") from error
    return tf.lite.TFLiteConverter.from_concrete_functions([concrete], model)


def _convert(converter: Any) -> bytes:
    try:
        with silence():
            data: bytes = converter.convert()
    except (MemoryError, tf.errors.ResourceExhaustedError) as error:
        raise _exhausted() from error
    except EdgeemoError:
        raise
    except Exception as error:
        raise ModelError(f"the TFLite converter refused the model ({_reason(error)})") from error
    return run_passes(data)


def _exhausted() -> EdgeemoError:
    return EdgeemoError("the conversion ran out of memory", hint="close other programs, or use a larger machine")


def _shape(spec: InputSpec) -> str:
    return " x ".join(map(str, spec.shape))


def _reason(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
