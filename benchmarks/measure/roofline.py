"""The most multiply-accumulates a second that a runtime reaches on this machine: int8 matrix products, nothing else.

The model that is timed is written here: 1x1 convolutions, each the product of a (144, 256) and a (256, 256)
matrix. They stay in the caches, need no rearranging of the input, and are quantized as real models are (weights per
channel, int32 bias), so that the runtime's own kernels run. All values are random: nothing can be left out or packed.
Larger products gain a few per cent more, but take so long in a slow runtime that a busy machine interrupts each of them
and none of the models' own queries, which would then seem to be faster than the ceiling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...edge.common.errors import RuntimeUnavailableError
from ...edge.tflite.container import TFLITE_MAGIC
from ...edge.tflite.schema import OPERATORS, TYPES
from .latency import Latency

#: Height and width of the image, its channels, and the number of layers.
SIDE, CHANNELS, LAYERS = 12, 256, 4
MACS = SIDE * SIDE * CHANNELS * CHANNELS * LAYERS
_SCHEMA_VERSION = 3
_CONV_OPTIONS = 1
#: Where per-channel weights begin.
_CONV_VERSION = 3
_ALIGNMENT = 16


@dataclass(frozen=True)
class Ceiling:
    """Share of a model in the most that its runtime reaches with as many threads.

    Args:
        gmacs: 10^9 int8 multiply-accumulates a second of the matrix products, by the median of the rounds.
        fraction: of them that the model reaches, median of the rounds.
        low, high: quartiles over the rounds.
    """

    gmacs: float
    fraction: float
    low: float
    high: float

    @classmethod
    def of(cls, latency: Latency, macs: int, products: Latency) -> Ceiling:
        """Compute it for a model.

        Args:
            latency, macs: of the model.
            products: latency of :func:`ceiling_model`, measured in the same rounds.
        """
        reached = (macs / latency.medians) / (MACS / products.medians)
        low, middle, high = (float(value) for value in np.quantile(reached, (0.25, 0.5, 0.75)))
        return cls(MACS / float(np.median(products.medians)) / 1e6, middle, low, high)


def ceiling_model() -> bytes:
    """Return the model that is timed, a .tflite without a card.

    Raises:
        RuntimeUnavailableError: the package flatbuffers is not installed.
    """
    try:
        import flatbuffers
    except ImportError as error:
        raise RuntimeUnavailableError(
            "the package flatbuffers is missing", hint="install it: pip install flatbuffers"
        ) from error
    return _Writer(flatbuffers.Builder(1 << 20)).model()


class _Writer:
    """Writes the flatbuffer; numbers of fields are those of TFLite's schema.fbs."""

    def __init__(self, builder: Any) -> None:
        self.builder = builder
        # The first buffer is empty by convention: tensors without contents name it.
        self.buffers = [self.table()]
        self.tensors: list[int] = []

    def model(self) -> bytes:
        draw = np.random.default_rng(0)
        shape, channels = (1, SIDE, SIDE, CHANNELS), np.ones(CHANNELS)
        options = self.table((0, "Int8", 0), (1, "Int32", 1), (2, "Int32", 1))
        operators = []
        first = last = self.tensor("input", shape, "INT8", np.array([0.05]))
        for layer in range(LAYERS):
            kernel = draw.integers(-127, 128, (CHANNELS, 1, 1, CHANNELS), np.int8)
            bias = draw.integers(-1000, 1000, CHANNELS, np.int32)
            inputs = [
                last,
                self.tensor(f"weights {layer}", kernel.shape, "INT8", 0.0008 * channels, kernel),
                self.tensor(f"bias {layer}", bias.shape, "INT32", 0.00004 * channels, bias),
            ]
            last = self.tensor(f"product {layer}", shape, "INT8", np.array([0.05]))
            operators.append(
                self.table(
                    (1, "UOffsetTRelative", self.numbers(inputs, np.int32)),
                    (2, "UOffsetTRelative", self.numbers([last], np.int32)),
                    (3, "Uint8", _CONV_OPTIONS),
                    (4, "UOffsetTRelative", options),
                )
            )
        graph = self.table(
            (0, "UOffsetTRelative", self.tables(self.tensors)),
            (1, "UOffsetTRelative", self.numbers([first], np.int32)),
            (2, "UOffsetTRelative", self.numbers([last], np.int32)),
            (3, "UOffsetTRelative", self.tables(operators)),
        )
        number = OPERATORS.index("CONV_2D")
        code = self.table((0, "Int8", number), (2, "Int32", _CONV_VERSION), (3, "Int32", number))
        root = self.table(
            (0, "Uint32", _SCHEMA_VERSION),
            (1, "UOffsetTRelative", self.tables([code])),
            (2, "UOffsetTRelative", self.tables([graph])),
            (4, "UOffsetTRelative", self.tables(self.buffers)),
        )
        self.builder.Finish(root, file_identifier=TFLITE_MAGIC)
        return bytes(self.builder.Output())

    def tensor(
        self, name: str, shape: tuple[int, ...], kind: str, scales: np.ndarray, contents: np.ndarray | None = None
    ) -> int:
        """Add a tensor and return its position in the graph."""
        buffer = 0
        if contents is not None:
            data = np.frombuffer(contents.tobytes(), np.uint8)
            # The runtimes read weights in place, where their vectors must be aligned.
            self.builder.Prep(_ALIGNMENT, len(data))
            self.buffers.append(self.table((0, "UOffsetTRelative", self.builder.CreateNumpyVector(data))))
            buffer = len(self.buffers) - 1
        quantization = self.table(
            (2, "UOffsetTRelative", self.numbers(scales, np.float32)),
            (3, "UOffsetTRelative", self.numbers(np.zeros(len(scales)), np.int64)),
        )
        self.tensors.append(
            self.table(
                (0, "UOffsetTRelative", self.numbers(shape, np.int32)),
                (1, "Int8", TYPES.index(kind)),
                (2, "Uint32", buffer),
                (3, "UOffsetTRelative", self.builder.CreateString(name)),
                (4, "UOffsetTRelative", quantization),
            )
        )
        return len(self.tensors) - 1

    def numbers(self, values: Any, kind: type) -> int:
        offset: int = self.builder.CreateNumpyVector(np.asarray(values, kind))
        return offset

    def tables(self, offsets: list[int]) -> int:
        self.builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            self.builder.PrependUOffsetTRelative(offset)
        end: int = self.builder.EndVector()
        return end

    def table(self, *fields: tuple[int, str, int]) -> int:
        """Write a table of (number, type, value); what it refers to must have been written before."""
        self.builder.StartObject(max((number for number, _, _ in fields), default=-1) + 1)
        for number, kind, value in fields:
            getattr(self.builder, f"Prepend{kind}Slot")(number, value, 0)
        end: int = self.builder.EndObject()
        return end
