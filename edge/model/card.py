"""The model card: everything that a device needs to run a model and that a person needs to judge it.

It travels inside the .tflite as a zip appended to the flatbuffer (``labels.txt`` and ``edgeemo.json``, the
associated-file form of TFLite metadata), so that ``zipfile`` alone can read it and every runtime still loads the model.
"""

from __future__ import annotations

import io
import json
import math
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from ..common.errors import FileError, ModelError
from ..common.files import existing, write_bytes
from ..tflite.container import split_model
from ..vision.preprocess import NORMALIZATIONS, InputSpec
from .figures import figure_rows

SCHEMA = 2
#: Names that cards of schema 1 had for what is now called otherwise; the models that came with 0.1.0 carry such cards.
_SCHEMA_1 = {"quantisation": "quantization", "licence": "license"}
_ROUNDINGS_1 = {"compensated": "gptq"}
CARD_NAME = "edgeemo.json"
LABELS_NAME = "labels.txt"
#: Tasks of classifiers, whose outputs are probabilities of the labels, and of the networks of the face detector.
CLASSIFICATION = ("multiclass", "binary")
TASKS = (*CLASSIFICATION, "detection", "face-check")
_LARGEST_CARD = 1 << 20

INTENDED_USE = (
    "Research, teaching and private experiments. The labels describe how a face looks in one image, not what a "
    "person feels. Not for decisions about people, not for medical use; the EU AI Act (Regulation 2024/1689, "
    "Art. 5(1)(f)) forbids inferring emotions at work and in education, and asks (Art. 50(3)) that people are told."
)


#: Key of a field's metadata in the classes below.
_ROLE = "card"


@dataclass(frozen=True)
class _Role:
    """Reading, checking and printing of one field of a card.

    Args:
        place: position of the field's rows among those of the printed card.
        rows: pairs of name and text to print, from the object that has the field.
        read: turns the JSON value into that of the field.
        fits: whether a value is right.
        expected: right values, for the message about a wrong one.
    """

    place: int = 0
    rows: Callable[[Any], list[tuple[str, str]]] | None = None
    read: Callable[[Any], Any] | None = None
    fits: Callable[[Any], bool] | None = None
    expected: str = ""


def shown(place: int, title: str, text: Callable[[Any], str], **role: Any) -> dict[str, _Role]:
    """Return the metadata of a field that stands in the printed card.

    The declaration of a field is all that a new one needs: reading, checking and printing a card follow it.

    Args:
        place: position among the rows: they are printed in ascending order.
        title: first column.
        text: second column, from the object that has the field; the row of an empty one is left out.
        role: see :func:`stored`.
    """
    return {_ROLE: _Role(place, lambda owner: [(title, text(owner))], **role)}


def stored(**role: Any) -> dict[str, _Role]:
    """Return the metadata of a field that is not printed.

    Args:
        role: ``read``, ``fits`` and ``expected`` of :class:`_Role`.
    """
    return {_ROLE: _Role(**role)}


def _roles(owner: Any) -> list[tuple[str, _Role]]:
    return [(each.name, each.metadata[_ROLE]) for each in fields(owner) if _ROLE in each.metadata]


@dataclass(frozen=True)
class Provenance:
    """Origin of a model: network, recipe, data and software.

    Args:
        architecture: name of the network architecture.
        recipe: name of the recipe that trained it.
        dataset: name of the data set; ``synthetic`` data is named so.
        dataset_hash: content hash of the data set.
        split_hashes: split -> content hash of its images.
        holdout: fraction and seed of a test split drawn from a source that had none; empty otherwise.
        seed: random seed of the training.
        versions: package -> version.
    """

    architecture: str = field(
        default="unknown",
        metadata=shown(
            60, "architecture", lambda origin: f"{origin.architecture}, recipe {origin.recipe}, seed {origin.seed}"
        ),
    )
    recipe: str = "unknown"
    dataset: str = field(
        default="unknown",
        metadata=shown(70, "data", lambda origin: f"{origin.dataset} {origin.dataset_hash[:16]}".strip()),
    )
    dataset_hash: str = ""
    split_hashes: dict[str, str] = field(default_factory=dict)
    seed: int | None = None
    versions: dict[str, str] = field(
        default_factory=dict,
        metadata=shown(90, "versions", lambda origin: ", ".join(map(" ".join, origin.versions.items()))),
    )
    holdout: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantization:
    """Quantization of a model.

    Args:
        method: name of the quantization method, such as ``int8``; ``float32`` for none.
        calibration_hash: content hash of the calibration set.
        calibration_size: number of images in it.
        calibration_seed: seed of its draw.
        ranges: estimator of the activation ranges (``minmax``, ``percentile``, ``mse``), or empty.
        rounding: ``gptq`` where weights were not rounded to the nearest step, or empty.
        per_channel: whether each output channel of the weights has a scale; None where weights have none.
        kept: operators that were kept out of int8, by the tensor that they write -> the type in which they compute.
        engine: package that converted the model and its version; empty where it is not known.
    """

    method: str = field(
        default="float32", metadata=shown(50, "quantization", lambda made: f"{made.method}{made.calibration_text}")
    )
    calibration_hash: str = ""
    calibration_size: int = 0
    calibration_seed: int | None = None
    ranges: str = ""
    rounding: str = ""
    per_channel: bool | None = None
    kept: dict[str, str] = field(default_factory=dict)
    engine: str = ""

    @property
    def calibration_text(self) -> str:
        """Size and seed of the calibration set, behind the method; empty without one."""
        if not self.calibration_size:
            return ""
        drawn = f", seed {self.calibration_seed}" if self.calibration_seed is not None else ""
        return f", {self.calibration_size:,} calibration faces{drawn}"


@dataclass(frozen=True)
class ModelCard:
    """The card of one model.

    Args:
        name: name of the model.
        labels: class names in the order of the outputs; for a binary task (negative, positive).
        input: size, colors and normalization.
        task: ``multiclass`` (softmax) or ``binary`` (one sigmoid output, the probability of ``labels[1]``) of a
            classifier; ``detection`` or ``face-check`` of a face detector's networks, see
            :mod:`edgeemo.edge.faces.finder`.
        provenance: origin of the model.
        quantization: method of quantization and its calibration set.
        metrics: name -> figure with data, split, n and confidence interval.
        license: license of the weights.
        intended_use: uses that the model is meant for, and those that it is not.
        notes: anything that a user must know; says so when the training data is synthetic.
        temperature: correction of the confidences; 1 leaves them as the model gives them. See
            :func:`edgeemo.edge.inference.probabilities.apply_temperature`.
        margin: enlargement of a detector's box to the crop, as a fraction of its side; see docs/face-detection.md.
        logits: the model gives logits, which softmax or the sigmoid still has to turn into probabilities.
    """

    name: str = field(metadata=shown(10, "name", lambda card: card.name))
    labels: tuple[str, ...] = field(
        metadata=shown(
            20,
            "labels",
            lambda card: ", ".join(card.labels),
            read=lambda value: tuple(str(label) for label in value),
            fits=lambda labels: len(labels) >= 2 and len(set(labels)) == len(labels),
            expected="at least two different names",
        )
    )
    input: InputSpec = field(
        metadata=shown(
            40,
            "input",
            lambda card: f"{card.input.height} x {card.input.width} {card.input.channels}, {card.input.normalization}",
            read=lambda value: InputSpec(**value),
        )
    )
    task: str = field(
        default="multiclass",
        metadata=shown(
            30, "task", lambda card: card.task, fits=lambda task: task in TASKS, expected=" or ".join(TASKS)
        ),
    )
    provenance: Provenance = field(default=Provenance(), metadata=stored(read=lambda value: Provenance(**value)))
    quantization: Quantization = field(
        default=Quantization(), metadata=stored(read=lambda value: Quantization(**value))
    )
    metrics: dict[str, Any] = field(
        default_factory=dict, metadata={_ROLE: _Role(80, lambda card: figure_rows(card.metrics))}
    )
    license: str = field(default="unstated", metadata=shown(100, "license", lambda card: card.license))
    intended_use: str = field(default=INTENDED_USE, metadata=shown(110, "use", lambda card: card.intended_use))
    notes: str = field(default="", metadata=shown(120, "notes", lambda card: card.notes))
    temperature: float = field(
        default=1.0,
        metadata=stored(
            fits=lambda value: type(value) in (int, float) and 0 < value < math.inf, expected="a number above 0"
        ),
    )
    margin: float = field(default=0.0, metadata=stored(fits=lambda value: -0.5 <= value <= 2, expected="-0.5 to 2"))
    logits: bool = False

    def __post_init__(self) -> None:
        for name, role in _roles(self):
            value = getattr(self, name)
            if role.fits is not None and not role.fits(value):
                raise ModelError(f"wrong {name} in a model card", expected=role.expected, got=repr(value))
        if self.task == "binary" and len(self.labels) != 2:
            raise ModelError("a binary card", expected="exactly two labels", got=str(len(self.labels)))

    def rows(self) -> list[tuple[str, str]]:
        """Return the card for people: pairs of name and text, empty where the card has nothing to say."""
        owners = (self, self.provenance, self.quantization)
        found = [(role, owner) for owner in owners for _, role in _roles(owner) if role.rows is not None]
        found.sort(key=lambda pair: pair[0].place)
        return [row for role, owner in found if role.rows for row in role.rows(owner)]

    def require_classifier(self, where: str) -> None:
        """Check that the model classifies.

        Args:
            where: file name for the message.

        Raises:
            ModelError: it has another task.
        """
        if self.task not in CLASSIFICATION:
            raise ModelError(
                f"{where} does not classify faces",
                expected=f"task {' or '.join(CLASSIFICATION)}",
                got=f"task {self.task}",
                hint="name an emotion model: edgeemo models list shows those that ship",
            )

    @property
    def outputs(self) -> int:
        """Number of output values for one image."""
        return 1 if self.task == "binary" else len(self.labels)

    def with_metric(self, name: str, figure: dict[str, Any]) -> ModelCard:
        """Return a copy of the card with one more figure."""
        return replace(self, metrics={**self.metrics, name: figure})

    def to_dict(self) -> dict[str, Any]:
        """Return the card with its schema number, for JSON."""
        return {"schema": SCHEMA, **asdict(self)}

    def to_json(self) -> str:
        """Return the card as indented JSON; the same card gives the same text."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def from_dict(cls, value: Any, where: str = "the card") -> ModelCard:
        """Read what :meth:`to_dict` wrote.

        Args:
            value: the parsed JSON.
            where: file name for messages.

        Raises:
            ModelError: a field is missing, unknown, or of another schema.
        """
        if not isinstance(value, dict) or "labels" not in value or "input" not in value:
            raise ModelError(f"{where} is not an edgeemo model card", expected="an object with labels and input")
        given = dict(value)
        schema = given.pop("schema", 1)
        if schema == 1:
            given = _renamed(given)
        elif schema != SCHEMA:
            raise ModelError(
                f"{where} has another format", expected=f"schema {SCHEMA}", got=str(schema), hint="update edgeemo"
            )
        if unknown := sorted(set(given) - set(cls.__dataclass_fields__)):
            # It may change what the device has to do, as the margin does: to pass over it could make the model lie.
            raise ModelError(
                f"{where} says something that this version of edgeemo does not know ({unknown[0]})",
                hint="update edgeemo, or fix the card",
            )
        if isinstance(given["input"], dict) and "normalization" not in given["input"]:
            # A default would ruin many a model without a word.
            raise ModelError(
                f"{where} does not say how pixels become values",
                expected=f"input.normalization: {', '.join(NORMALIZATIONS)}, or mean=M;std=S",
                hint="ask whoever trained the model",
            )
        try:
            for name, role in _roles(cls):
                if role.read is not None and name in given:
                    given[name] = role.read(given[name])
            given.setdefault("name", Path(where).name.removesuffix(".json").removesuffix(".card"))
            return cls(**given)
        except TypeError as error:
            reason = str(error).split("__init__() ")[-1]
            raise ModelError(f"{where} is not a valid model card ({reason})", hint="write the card again") from error

    @classmethod
    def from_json(cls, text: str | bytes, where: str = "the card") -> ModelCard:
        """Parse JSON text; see :meth:`from_dict`."""
        try:
            return cls.from_dict(json.loads(text), where)
        except ValueError as error:
            raise ModelError(f"{where} is not JSON ({error})", hint="write the card again") from error


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a card of schema 1 under the names that schema 2 has for them."""
    fields = {_SCHEMA_1.get(name, name): value for name, value in fields.items()}
    match fields:
        case {"input": {"normalisation": normalization, **rest}}:
            fields["input"] = {**rest, "normalization": normalization}
    match fields:
        case {"quantization": {"rounding": str(rounding), **rest}}:
            fields["quantization"] = {**rest, "rounding": _ROUNDINGS_1.get(rounding, rounding)}
    return fields


def read_card(path: str | Path) -> ModelCard | None:
    """Return the card of a model file: the one inside it, else the one beside it, else None.

    Raises:
        EdgeemoError: the file is not there, or its card cannot be read.
    """
    path = existing(path, "a model")
    return card_of(path.read_bytes(), str(path)) or read_card_beside(path)


def card_beside(path: str | Path) -> Path:
    """Return the path of a card beside its model: ``net.card.json`` for ``net.tflite``."""
    path = Path(path)
    return path.with_name(f"{path.stem}.card.json")


def read_card_beside(path: str | Path) -> ModelCard | None:
    """Return the card beside a model file, or None when there is none.

    Raises:
        EdgeemoError: it cannot be read.
    """
    beside = card_beside(path)
    return read_card_file(beside) if beside.is_file() else None


def read_card_file(path: str | Path) -> ModelCard:
    """Read a card from a JSON file.

    Raises:
        FileError: it is not there, cannot be read, or is not a card.
    """
    path = existing(path, "a model card (JSON)")
    try:
        return ModelCard.from_json(path.read_bytes(), str(path))
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})", expected="a model card (JSON)") from error


def card_of(data: bytes, where: str) -> ModelCard | None:
    """Return the card inside the bytes of a .tflite, or None when there is none.

    Args:
        data: the whole file.
        where: file name for messages.

    Raises:
        EdgeemoError: there is a card, but it cannot be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if CARD_NAME not in archive.namelist():
                return None
            text = _unpacked(archive, where)
    except (zipfile.BadZipFile, OSError, ValueError):
        return None
    return ModelCard.from_json(text, f"the card in {where}")


def _unpacked(archive: zipfile.ZipFile, where: str) -> bytes:
    size = archive.getinfo(CARD_NAME).file_size
    if size > _LARGEST_CARD:
        raise ModelError(
            f"the card in {where} is too large", expected=f"at most {_LARGEST_CARD:,} bytes", got=f"{size:,}"
        )
    try:
        # No more than it says of itself is ever unpacked.
        return archive.read(CARD_NAME)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError, RuntimeError) as error:
        raise ModelError(f"the card in {where} is damaged ({error})", hint="copy or convert the model again") from error


def with_card(model: bytes, card: ModelCard) -> bytes:
    """Return the bytes of a .tflite with a card embedded; a card that was there is replaced.

    The result depends on the model and the card alone: entries carry a fixed date. The card is compressed, for models
    of less than 100 KB; the labels are not, since other readers of TFLite's associated files take no compressed ones.
    """
    flatbuffer, _ = split_model(model)
    stream = io.BytesIO(flatbuffer)
    compact = json.dumps(card.to_dict(), separators=(",", ":"), ensure_ascii=False)
    with zipfile.ZipFile(stream, "a") as archive:
        labels = "\n".join(card.labels) + "\n"
        for name, text, packing in (
            (LABELS_NAME, labels, zipfile.ZIP_STORED),
            (CARD_NAME, compact, zipfile.ZIP_DEFLATED),
        ):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text, packing, compresslevel=9)
    return stream.getvalue()


def write_model(path: str | Path, model: bytes, card: ModelCard) -> None:
    """Write a .tflite with its card, atomically."""
    write_bytes(path, with_card(model, card))
