"""TensorFlow's converter: from a model to the bytes of a .tflite with a fixed batch of one."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...edge.common.console import silence
from ...edge.common.errors import EdgeemoError, ModelError
from ...edge.vision.preprocess import InputSpec, normalize
from ...train.backend import tf
from ..graph.passes import run_passes
from .representative_set import check_calibration


def to_float(model: Any, spec: InputSpec) -> bytes:
    """Convert without quantization: float32 in, float32 out.

    Args:
        model: callable ``model(face, training=False)``: a model of tf_keras or Keras 3, or a SavedModel's signature.
        spec: input of the model.

    Raises:
        EdgeemoError: the converter failed. (So do all that follow.)
    """
    return _convert(_converter(model, spec))


def to_float16(model: Any, spec: InputSpec) -> bytes:
    """Convert with weights in float16 and arithmetic in float32."""
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.target_spec.supported_types = [tf.float16]
    return _convert(converter)


def to_dynamic(model: Any, spec: InputSpec, *, per_channel: bool = True) -> bytes:
    """Convert with int8 weights and activations that are quantized on the fly."""
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = not per_channel
    return _convert(converter)


def to_static(
    model: Any,
    spec: InputSpec,
    calibration: np.ndarray | None,
    *,
    float_io: bool = False,
    activations: int = 8,
    per_channel: bool = True,
) -> bytes:
    """Convert to integers by the smallest and largest values that calibration faces show.

    Weights have a scale for each channel (Jacob et al. 2018, arXiv:1712.05877).

    Args:
        model, spec: as for :func:`to_float`.
        calibration: calibration faces, uint8 (n, height, width, channels).
        float_io: keep input and output in float32.
        activations: bits of the activations, 8 or 16.
        per_channel: a scale for each output channel of the weights.

    Raises:
        EdgeemoError: the calibration faces do not fit, or the converter failed.
    """
    pixels, sets = check_calibration(calibration, spec), tf.lite.OpsSet
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([normalize(image, spec)[None]] for image in pixels)
    converter._experimental_disable_per_channel = not per_channel
    wide = sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
    converter.target_spec.supported_ops = [wide if activations == 16 else sets.TFLITE_BUILTINS_INT8]
    if not float_io:
        converter.inference_input_type = converter.inference_output_type = tf.int16 if activations == 16 else tf.int8
    return _convert(converter)


def to_trained_int8(model: Any, spec: InputSpec) -> bytes:
    """Convert a model that carries the ranges of quantization-aware training; layers without ranges stay in float."""
    converter = _converter(model, spec)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    # Without a representative set the converter refuses TFLITE_BUILTINS_INT8: the graph is verified afterwards.
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return _convert(converter)


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
