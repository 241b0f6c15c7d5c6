"""ai-edge-quantizer: quantization of a float .tflite, operator by operator."""

from __future__ import annotations

import re
import warnings
from collections.abc import Collection
from typing import Any

import numpy as np

from ...edge.common.console import silence
from ...edge.common.errors import EdgeemoError, MissingExtraError, ModelError
from ...edge.tflite.graph import Operator, read_graph
from ..graph.passes import run_passes
from .gptq import GptqRounding


class SelectiveQuantizer:
    """Quantizer of a float model, in part or whole, as often as needed.

    Args:
        model: float .tflite, without a card.
        ranges: name of an activation tensor -> (low, high); see
            :func:`edgeemo.optimize.converters.activation_ranges.observe_activations`.
        rounding: how its weights are rounded; None for each to the nearest step.

    Raises:
        EdgeemoError: the model cannot be taken apart.
    """

    def __init__(
        self, model: bytes, ranges: dict[str, tuple[float, float]], rounding: GptqRounding | None = None
    ) -> None:
        self.model = model
        self._rounding = rounding
        self.operators: tuple[Operator, ...] = read_graph(model).operators
        # An activation that is always 0 may have any step but one that is next to nothing: kernels refuse that.
        self._ranges = {
            name: {"min": np.array([[low]], np.float32), "max": np.array([[high if low or high else 1]], np.float32)}
            for name, (low, high) in ranges.items()
        }

    @property
    def names(self) -> list[str]:
        """Names of the operators: the tensor that each writes."""
        return [operator.outputs[0].name for operator in self.operators]

    def quantize(
        self,
        *,
        only: Collection[str] | None = None,
        kept: Collection[str] = (),
        kept_in: str = "float32",
        float_io: bool = False,
        per_channel: bool = True,
        activations: int = 8,
    ) -> bytes:
        """Quantize.

        Args:
            only: operators to quantize, by the tensor that they write; all others, input and output stay float32.
                None for all.
            kept: operators to keep out of int8.
            kept_in: one of :data:`edgeemo.optimize.options.KEPT_IN`.
            float_io: keep input and output in float32.
            per_channel: a scale for each output channel of the weights.
            activations: bits, 8 or 16.

        Raises:
            EdgeemoError: ai-edge-quantizer is not installed, or refused the model.
        """
        package = _package()
        recipe = package.recipe_manager.RecipeManager()
        everything = package.qtyping.TFLOperationName.ALL_SUPPORTED
        grain = package.qtyping.QuantGranularity
        weights = grain.CHANNELWISE if per_channel else grain.TENSORWISE

        def static(pattern: str, bits: int) -> None:
            recipe.add_static_config(pattern, everything, bits, 8, weights)

        for pattern in [".*"] if only is None else map(_pattern, only):
            static(pattern, activations)
        for name in kept:
            if kept_in == "int16":
                static(_pattern(name), 16)
            else:
                recipe.add_quantization_config(
                    _pattern(name), everything, algorithm_key=package.algorithm_manager.AlgorithmName.NO_QUANTIZE
                )
        if float_io:
            for edge in (package.qtyping.TFLOperationName.INPUT, package.qtyping.TFLOperationName.OUTPUT):
                recipe.add_quantization_config(
                    ".*", edge, algorithm_key=package.algorithm_manager.AlgorithmName.NO_QUANTIZE
                )
        made = _run(self.model, recipe.get_quantization_recipe(), self._ranges)
        return self._rounding.apply(made) if self._rounding else made


def quantize_weights(model: bytes, *, per_channel: bool = True) -> bytes:
    """Quantize the weights of a float .tflite to int8; activations are quantized on the fly.

    Args:
        model: float .tflite, without a card.
        per_channel: a scale for each output channel of the weights.

    Raises:
        EdgeemoError: ai-edge-quantizer is not installed, or refused the model.
    """
    package = _package()
    recipe, types = package.recipe_manager.RecipeManager(), package.qtyping
    grain = types.QuantGranularity.CHANNELWISE if per_channel else types.QuantGranularity.TENSORWISE
    recipe.add_dynamic_config(".*", types.TFLOperationName.ALL_SUPPORTED, 8, grain)
    return _run(model, recipe.get_quantization_recipe(), None)


def halve_weights(model: bytes) -> bytes:
    """Store the weights of a float .tflite in float16.

    Args:
        model: float .tflite, without a card.

    Raises:
        EdgeemoError: ai-edge-quantizer is not installed, or refused the model.
    """
    package = _package()
    recipe, types = package.recipe_manager.RecipeManager(), package.qtyping
    halves = types.OpQuantizationConfig(
        weight_tensor_config=types.TensorQuantizationConfig(num_bits=16, dtype=types.TensorDataType.FLOAT),
        compute_precision=types.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    names, casting = types.TFLOperationName, package.algorithm_manager.AlgorithmName.FLOAT_CASTING
    for operator in (names.CONV_2D, names.DEPTHWISE_CONV_2D, names.FULLY_CONNECTED):
        recipe.add_quantization_config(".*", operator, halves, casting)
    return _run(model, recipe.get_quantization_recipe(), None)


def _run(model: bytes, recipe: Any, ranges: dict[str, Any] | None) -> bytes:
    try:
        with silence():
            tool = _package().quantizer.Quantizer(bytearray(model), recipe)
            made = tool.quantize(ranges, enable_progress_bar=False, enable_progress_report=False)
    except MemoryError as error:
        raise EdgeemoError(
            "the quantization ran out of memory", hint="close other programs, or use a larger machine"
        ) from error
    except (ValueError, RuntimeError, KeyError, NotImplementedError) as error:
        reason = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
        raise ModelError(f"ai-edge-quantizer refused the model ({reason})") from error
    return run_passes(bytes(made.quantized_model))


def _pattern(name: str) -> str:
    # The quantizer searches for a pattern in the names of the tensors that an operator writes, each closed by ";".
    return f"^{re.escape(name)};?$"


def _package() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ai_edge_quantizer
            from ai_edge_quantizer import algorithm_manager, quantizer, recipe_manager  # noqa: F401
    except ImportError as error:
        raise MissingExtraError("ai-edge-quantizer", "train") from error
    return ai_edge_quantizer
