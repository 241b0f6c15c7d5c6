"""Fake quantization of depthwise kernels with a range for each channel, as they are deployed."""

from __future__ import annotations

from typing import Any

from tensorflow_model_optimization.python.core.quantization.keras import quantizers
from tensorflow_model_optimization.python.core.quantization.keras.default_8bit import default_8bit_quantize_registry

from ...train.backend import keras, tf


class PerChannel(quantizers.LastValueQuantizer):
    """Symmetric 8-bit range of the last batch's kernel, for each channel.

    A depthwise kernel (height, width, inputs, multiplier) has its channels in two axes. tfmot's own quantizer takes
    the last one alone, which is of length 1 nearly always: then the smallest channel gets the scale of the largest.
    """

    def __init__(self) -> None:
        super().__init__(num_bits=8, per_axis=True, symmetric=True, narrow_range=True)

    def build(self, tensor_shape: Any, name: str, layer: Any) -> dict[str, Any]:
        """Create the variables of the ranges, float32 (inputs * multiplier,)."""
        channels = tensor_shape[-2] * tensor_shape[-1]

        def variable(end: str, value: float) -> Any:
            constant = keras.initializers.Constant(value)
            return layer.add_weight(f"{name}_{end}", shape=(channels,), initializer=constant, trainable=False)

        return {"min_var": variable("min", -6.0), "max_var": variable("max", 6.0)}

    def __call__(self, inputs: Any, training: Any, weights: dict[str, Any], **options: Any) -> Any:
        """Return the kernel with the error of quantization, of the same shape."""
        height, width, planes, multiplier = inputs.shape
        flat = tf.reshape(inputs, (height, width, 1, planes * multiplier))
        return tf.reshape(super().__call__(flat, training, weights, **options), inputs.shape)


class DepthwisePerChannel(default_8bit_quantize_registry.Default8BitConvQuantizeConfig):
    """tfmot's treatment of a convolution, with :class:`PerChannel` for the kernel."""

    def __init__(
        self,
        weight_attrs: tuple[str, ...] = ("depthwise_kernel",),
        activation_attrs: tuple[str, ...] = ("activation",),
        quantize_output: bool = False,
    ) -> None:
        super().__init__(list(weight_attrs), list(activation_attrs), quantize_output)
        self.weight_quantizer = PerChannel()
