"""TFLite interpreters, with one interface for all runtimes."""

from __future__ import annotations

import faulthandler
import importlib
import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..common.console import quiet_native
from ..common.errors import FileError, ModelError, OptionError, RuntimeUnavailableError
from ..common.files import existing
from ..common.version import package_version
from ..tflite.container import TFLITE_MAGIC
from ..vision.preprocess import dequantize, quantize
from .delegate import DelegateSpec, delegate_lost, delegate_refused, is_compiled, needs_delegate, open_delegate

#: Name -> module with the Interpreter, in the order in which ``auto`` tries them. LiteRT comes first because it hands
#: int8 graphs to XNNPACK; ``tf.lite`` comes last because it loads all of TensorFlow.
RUNTIMES = {
    "ai-edge-litert": "ai_edge_litert.interpreter",
    "tflite-runtime": "tflite_runtime.interpreter",
    "tf.lite": "tensorflow.lite.python.interpreter",
}


@dataclass(frozen=True)
class Tensor:
    """An input or output of a model.

    Args:
        index: index of the tensor in the interpreter.
        shape: sides, with the batch axis.
        dtype: numpy dtype.
        scale, zero_point: affine quantization; scale is 0 for float tensors.
    """

    index: int
    shape: tuple[int, ...]
    dtype: np.dtype
    scale: float
    zero_point: int

    def encode(self, values: np.ndarray) -> np.ndarray:
        """Convert real values (float32) to those of the tensor."""
        if not self.scale:
            return values.astype(self.dtype, copy=False)
        return quantize(values, self.scale, self.zero_point, self.dtype)

    def decode(self, values: np.ndarray) -> np.ndarray:
        """Convert values of the tensor to real values, float32."""
        if not self.scale:
            return values.astype(np.float32, copy=False)
        return dequantize(values, self.scale, self.zero_point)


class SessionProtocol(Protocol):
    """A loaded model with one input and one output, batch 1, wherever it runs."""

    @property
    def input(self) -> Tensor:
        """Input tensor."""

    @property
    def output(self) -> Tensor:
        """Output tensor."""

    @property
    def runtime(self) -> str:
        """Name of the runtime."""

    @property
    def path(self) -> str:
        """Path of the model, for messages."""

    @property
    def delegate(self) -> str:
        """Name of what computes: see :attr:`Session.delegate`."""

    @property
    def restarts(self) -> int:
        """How often the child process was restarted."""

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model on an encoded input of shape (1, height, width, channels); returns the encoded output.

        Raises:
            FrameLost: no answer for this input.
            EdgeemoError: there will be no more answers.
        """


class Session:
    """A model that is loaded in this process.

    Args:
        interpreter: interpreter with allocated tensors.
        runtime: name of the runtime.
        path: path of the model, for messages.
        delegate: delegate that was loaded for it, if any.
    """

    restarts = 0

    def __init__(self, interpreter: Any, runtime: str, path: str, *, delegate: DelegateSpec | None = None) -> None:
        inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(
                f"{path} is not a classifier",
                expected="one input and one output",
                got=f"{len(inputs)} and {len(outputs)}",
            )
        self.runtime, self.path = runtime, path
        self.input, self.output = _tensor(inputs[0]), _tensor(outputs[0])
        self._interpreter = interpreter
        self._delegate = delegate

    @property
    def delegate(self) -> str:
        """The name of the delegate that was loaded; else ``xnnpack`` when the runtime's own took at least one operator,
        ``none``, or empty when the runtime does not report it.
        """
        if self._delegate is not None:
            return self._delegate.name
        details = getattr(self._interpreter, "_get_ops_details", None)
        if details is None:
            return ""
        return "xnnpack" if any(operator["op_name"] == "DELEGATE" for operator in details()) else "none"

    def invoke(self, tensor: np.ndarray) -> np.ndarray:
        """Run the model on an encoded input of shape (1, height, width, channels); returns the encoded output.

        Raises:
            EdgeemoError: the runtime or the delegate failed.
        """
        self._interpreter.set_tensor(self.input.index, tensor)
        self.compute()
        result: np.ndarray = self._interpreter.get_tensor(self.output.index)
        return result

    def compute(self) -> None:
        """Run the model once more on the input that was given last, and leave the output where it is.

        Raises:
            ModelError: the runtime or the delegate failed.
        """
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            if self._delegate is not None:
                raise delegate_lost(self._delegate, error) from error
            raise ModelError(
                f"{self.path} failed while it ran ({' '.join(str(error).split())[:160]})",
                hint="convert the model again",
            ) from error

    def run(self, values: np.ndarray) -> np.ndarray:
        """Run the model on real values: float32 (height, width, channels) -> float32 (outputs,)."""
        return self.output.decode(self.invoke(self.input.encode(values)[None]))[0].ravel()

    @property
    def delegated(self) -> frozenset[int] | None:
        """Positions of the graph's operators that a delegate runs, or None when the runtime does not report them."""
        details = getattr(self._interpreter, "_get_ops_details", None)
        try:
            nodes = details() if details else None
        except UnicodeDecodeError:
            # A tensor whose name is not text.
            nodes = None
        if nodes is None:
            return None
        own = [node for node in nodes if node["op_name"] != "DELEGATE"]
        maker = {int(tensor): position for position, node in enumerate(own) for tensor in node["outputs"]}
        found: set[int] = set()
        for node in nodes:
            if node["op_name"] != "DELEGATE":
                continue
            # A delegate's node keeps the tensors at its borders only: everything between them is its work.
            given, wanted = {int(tensor) for tensor in node["inputs"]}, [int(tensor) for tensor in node["outputs"]]
            while wanted:
                tensor = wanted.pop()
                position = maker.get(tensor)
                if position is not None and tensor not in given and position not in found:
                    found.add(position)
                    wanted += [int(needed) for needed in own[position]["inputs"]]
        return frozenset(found)


def installed_runtimes() -> list[str]:
    """Return the names of the runtimes that can be imported, in order of preference. Nothing is loaded."""
    return [name for name, module in RUNTIMES.items() if importlib.util.find_spec(module.split(".")[0])]


def runtime_version(runtime: str) -> str:
    """Return the version of an installed runtime, or an empty string."""
    return package_version("tensorflow" if runtime == "tf.lite" else runtime)


def load(path: str | Path, *, runtime: str = "auto", threads: int = 1, delegate: DelegateSpec | None = None) -> Session:
    """Load a .tflite.

    Args:
        path: path of the model.
        runtime: a key of :data:`RUNTIMES`, or ``auto`` for the first that is installed.
        threads: for the kernels. More than one pays only on idle cores: both runtimes spin while they wait.
        delegate: runs the model, or as much of it as it takes.

    Raises:
        DelegateError: the delegate cannot be used, or the model needs one.
        EdgeemoError: no runtime, no such file, not a TFLite model, damaged, or not a classifier.
    """
    path = existing(path, "a .tflite model")
    if threads < 1:
        raise OptionError("threads out of range", expected="at least 1", got=str(threads))
    name, module = _runtime(runtime)
    if path.is_dir():
        raise FileError(f"{path} is a folder", expected="a .tflite model")
    data = path.read_bytes()
    if data[4:8] != TFLITE_MAGIC:
        got = "an empty file" if not data else "other contents"
        raise ModelError(f"{path} is not a TFLite model", expected="a .tflite file", got=got)

    compiled = is_compiled(data)

    def allocate(delegates: list[Any] | None = None) -> Any:
        interpreter = module.Interpreter(model_path=str(path), num_threads=threads, experimental_delegates=delegates)
        interpreter.allocate_tensors()
        return interpreter

    if name == "tflite-runtime":
        _rehearse(allocate, path)
    delegates = None if delegate is None else [open_delegate(delegate, module.load_delegate)]
    try:
        # LiteRT announces its XNNPACK delegate there for every model.
        with quiet_native():
            interpreter = allocate(delegates)
    except (ValueError, RuntimeError, UnicodeDecodeError) as error:
        if delegate is not None:
            raise delegate_refused(delegate, path, error) from error
        if compiled:
            raise needs_delegate(path) from error
        raise damaged_model(path, error) from error
    return Session(interpreter, name, str(path), delegate=delegate)


def damaged_model(path: Path, error: object) -> ModelError:
    """Return the error for a model file that is damaged or needs operators that the runtime lacks."""
    reason = " ".join(str(error).split())[:160]
    return ModelError(
        f"{path} cannot be loaded, it is damaged or needs operators that this runtime lacks ({reason})",
        hint="copy or convert the model again",
    )


def _runtime(runtime: str) -> tuple[str, Any]:
    if runtime != "auto" and runtime not in RUNTIMES:
        raise OptionError("unknown runtime", expected="auto or one of " + ", ".join(RUNTIMES), got=repr(runtime))
    for name in installed_runtimes() if runtime == "auto" else [runtime]:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        try:
            return name, importlib.import_module(RUNTIMES[name])
        except ImportError:
            continue
    wanted = "no TFLite runtime" if runtime == "auto" else f"the runtime {runtime!r}"
    raise RuntimeUnavailableError(
        f"{wanted} can be imported" if runtime == "auto" else f"{wanted} cannot be imported",
        hint="install one: pip install ai-edge-litert, or pip install tflite-runtime 'numpy<2'",
    )


def _rehearse(allocate: Callable[[], Any], path: Path) -> None:
    """Load in a forked child first: tflite-runtime 2.14 does not verify the flatbuffer, a cut file kills it."""
    child = os.fork()
    if child == 0:
        # A crash is what this is for; nobody needs its traceback.
        faulthandler.disable()
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.dup2(silence, 2)
        try:
            allocate()
        except BaseException:
            # The parent will meet the same exception and can report it.
            os._exit(0)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        raise damaged_model(path, f"the runtime died of signal {os.WTERMSIG(status)}")


def _tensor(details: dict[str, Any]) -> Tensor:
    scale, zero_point = details["quantization"]
    shape = tuple(int(side) for side in details["shape"])
    return Tensor(details["index"], shape, np.dtype(details["dtype"]), float(scale), int(zero_point))
