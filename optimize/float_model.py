"""Float models to quantize: a run, a Keras model of either generation, a SavedModel, a float .tflite."""

from __future__ import annotations

import json
import os
import tempfile
import warnings
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..edge.common.console import quiet_native
from ..edge.common.errors import ModelError, OptionError
from ..edge.common.files import existing
from ..edge.inference.classifier import Classifier
from ..edge.model.card import ModelCard, Quantization, card_of
from ..edge.model.describe import Description, describe, shapes_of
from ..edge.model.zoo import ModelZoo, find_model
from ..edge.tflite.container import TFLITE_MAGIC, split_model
from ..edge.tflite.graph import read_graph
from ..train.config.recipe import Recipe
from ..train.evaluation.predictor import KerasPredictor, Predictor
from ..train.fit.run import Run
from ..train.network.model import load_model
from .converters.tensorflow import to_float

#: Kinds of float models, as messages call them.
RUN, TF_KERAS, KERAS3 = "a run", "a tf_keras model", "a Keras 3 model"
SAVED_MODEL, TFLITE = "a SavedModel", "a .tflite"
_EXPECTED = "a run folder, a .keras or .h5 file, a SavedModel folder, or a float .tflite"


@dataclass(frozen=True)
class FloatModel:
    """A float model that can be quantized.

    Args:
        path: file or folder of the model.
        kind: one of the five kinds above.
        card: labels, input and origin.
        model: callable ``model(face, training=False)``; None for a .tflite.
        flatbuffer: bytes of a .tflite without its card.
        recipe: recipe of the training, if it is known.
        seed: seed of the training, or of the draws from a data set.
    """

    path: Path
    kind: str
    card: ModelCard
    model: Any = None
    flatbuffer: bytes = b""
    recipe: Recipe | None = None
    seed: int = 0

    @classmethod
    def of_run(cls, run: Run) -> FloatModel:
        """Return the finished model of a run."""
        model = load_model(run.model_path, compile=False)
        return cls(run.folder, RUN, run.card, model, recipe=run.recipe, seed=run.settings.seed)

    @property
    def trainable(self) -> bool:
        """Whether quantization-aware training can start from it."""
        return self.kind in (RUN, TF_KERAS)

    def float_flatbuffer(self) -> bytes:
        """Return the model as a float32 .tflite without a card."""
        return self.flatbuffer or to_float(self.model, self.card.input)

    def predictor(self) -> Predictor:
        """Return a predictor of the float model, to compare with."""
        if hasattr(self.model, "predict_on_batch"):
            return KerasPredictor(self.card, self.model)
        return Classifier.from_bytes(self.float_flatbuffer(), self.card)


def open_float_model(path: str | Path, description: Description | None = None, *, seed: int = 0) -> FloatModel:
    """Open a model to quantize.

    Args:
        path: a run folder, a .keras or .h5 file of tf_keras, a .keras file of Keras 3, a SavedModel folder, a float
            .tflite, or the name of one that ships.
        description: properties of a model that is no run and carries no card.
        seed: seed of the draws for a model that is no run.

    Raises:
        EdgeemoError: none of these, not readable, not one image in and one answer out, or it contradicts its card.
    """
    if str(path) in ModelZoo.open().names:
        path = find_model(path)
    path, description = existing(path, _EXPECTED), description or Description()
    if path.is_dir() and (path / "recipe.toml").is_file():
        if description != Description():
            raise OptionError(
                f"{path} is a run, and a run has its own card", hint="leave out --card, --labels and what goes with it"
            )
        return FloatModel.of_run(Run.open(path))
    if path.is_dir() and (path / "saved_model.pb").is_file():
        return _described(path, SAVED_MODEL, _SavedNet(path), description, seed)
    if path.is_dir():
        raise ModelError(f"{path} is not a run folder and not a SavedModel", expected=_EXPECTED, got="a folder")
    if path.suffix in (".keras", ".h5", ".hdf5"):
        if keras_generation(path) >= 3:
            source = _described(path, KERAS3, _load_keras3(path), description, seed)
            return replace(source, model=_exported(source))
        return _described(path, TF_KERAS, load_model(path, compile=False), description, seed)
    with open(path, "rb") as stream:
        magic = stream.read(8)[4:]
    if magic == TFLITE_MAGIC:
        return _tflite(path, description, seed)
    raise ModelError(
        f"{path} is not a model that can be quantized",
        expected=_EXPECTED,
        got=f"a {path.suffix or 'plain'} file" + ("" if path.stat().st_size else " that is empty"),
    )


def keras_generation(path: Path) -> int:
    """Return the major version of the Keras that wrote a file; 0 if the file does not say."""
    version = ""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                version = str(json.loads(archive.read("metadata.json")).get("keras_version", ""))
        elif path.suffix != ".keras":
            import h5py

            with h5py.File(path, "r") as stored:
                found = stored.attrs.get("keras_version", b"")
                version = found.decode() if isinstance(found, bytes) else str(found)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        # The loader says what is wrong with the file.
        return 0
    major = version.split(".")[0]
    return int(major) if major.isdigit() else 0


def _load_keras3(path: Path) -> Any:
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    with quiet_native(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import keras
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return keras.models.load_model(path, compile=False)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} cannot be loaded as a Keras 3 model ({_first_line(error)})") from error


def _exported(source: FloatModel) -> _SavedNet:
    """Export a Keras 3 model: TensorFlow's converter would not find its variables."""
    from ..train.backend import tf

    signature = [tf.TensorSpec((1, *source.card.input.shape), tf.float32, name="face")]
    with tempfile.TemporaryDirectory() as folder:
        try:
            with quiet_native(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                source.model.export(folder, verbose=False, input_signature=signature)
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ModelError(f"{source.path} cannot be exported by Keras 3 ({_first_line(error)})") from error
        return _SavedNet(Path(folder))


class _SavedNet:
    """A SavedModel's serving signature as a callable like a Keras model.

    Args:
        path: folder of the SavedModel.
    """

    def __init__(self, path: Path) -> None:
        from ..train.backend import tf

        try:
            with quiet_native(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.loaded = tf.saved_model.load(str(path))
        except Exception as error:
            raise ModelError(f"{path} cannot be loaded as a SavedModel ({_first_line(error)})") from error
        if "serving_default" not in self.loaded.signatures:
            raise ModelError(
                f"{path} cannot be called",
                expected="a SavedModel with the signature serving_default",
                got=", ".join(self.loaded.signatures) or "none",
                hint="save it with model.export",
            )
        self.signature = self.loaded.signatures["serving_default"]
        arguments = self.signature.structured_input_signature[1]
        self.inputs, self.outputs = list(arguments.values()), list(self.signature.structured_outputs.values())
        self._name = next(iter(arguments), "")

    def __call__(self, face: Any, training: bool = False) -> Any:
        """Return the first output for a batch of faces."""
        return next(iter(self.signature(**{self._name: face}).values()))


def _tflite(path: Path, description: Description, seed: int) -> FloatModel:
    data = path.read_bytes()
    flatbuffer, card = split_model(data)[0], card_of(data, str(path))
    graph = read_graph(flatbuffer, str(path))
    # Integer constants are indices and shapes in a float model; activations are what tells.
    quantized = {t.type for o in graph.operators for t in o.outputs} & {"INT8", "UINT8", "INT16"}
    if quantized or any(t.type in ("INT8", "FLOAT16") and len(t.shape) > 1 for o in graph.operators for t in o.inputs):
        raise ModelError(
            f"{path} is quantized already",
            expected="a float32 .tflite",
            got=", ".join(sorted(quantized)) or "int8 or float16 weights",
            hint="start from the float model",
        )
    card = _card(path, description, *shapes_of(path, graph), card)
    return FloatModel(path, TFLITE, card, flatbuffer=flatbuffer, seed=seed)


def _described(path: Path, kind: str, model: Any, description: Description, seed: int) -> FloatModel:
    shapes = [tuple(t.shape) for t in model.inputs], [tuple(t.shape) for t in model.outputs]
    return FloatModel(path, kind, _card(path, description, *shapes), model, seed=seed)


def _card(
    path: Path,
    description: Description,
    inputs: Sequence[tuple[int | None, ...]],
    outputs: Sequence[tuple[int | None, ...]],
    carried: ModelCard | None = None,
) -> ModelCard:
    """Return the card of a float model, whatever it said of quantization."""
    return replace(describe(path, description, inputs, outputs, carried), quantization=Quantization())


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
