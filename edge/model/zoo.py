"""The models that come with the package, and the manifest of their files."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..common.errors import EdgeemoError, FileError, ModelError
from ..common.files import existing, sha256, write_text
from ..tflite.container import TFLITE_MAGIC
from ..tflite.graph import read_graph
from .card import ModelCard, card_of

#: The folder that ships, with ``manifest.json`` and, in ``published/``, the models.
FOLDER = Path(__file__).resolve().parents[2] / "models"
MANIFEST = "manifest.json"
SCHEMA = 1
#: How the names of our own models begin.
FAMILY = "edgeemo"
#: The model that commands take when none is named: the middle one of our own family.
DEFAULT = "edgeemo-base"
#: What an entry repeats of its model's card.
_FACTS = {"name", "task", "labels", "input", "architecture", "recipe", "dataset", "quantization", "metrics", "license"}


@dataclass(frozen=True)
class ZooEntry:
    """One model of the manifest.

    Args:
        name: by which commands know it: the file's name without its suffix.
        file: path from the manifest's folder, with ``/``.
        sha256, bytes: of the whole file, card included.
        macs: multiply-accumulates of one inference.
        card: facts of the card, as far as they choose a model.
    """

    name: str
    file: str
    sha256: str
    bytes: int
    macs: int
    card: dict[str, Any]

    def __post_init__(self) -> None:
        if missing := _FACTS - set(self.card):
            raise ValueError(f"{self.name} lacks {', '.join(sorted(missing))}")

    @property
    def measured(self) -> dict[str, Any] | None:
        """Accuracy of this model by its card: on a test split if there is one, else on validation."""
        metrics, method = self.card["metrics"], self.card["quantization"]
        figures = (metrics.get(name) for name in ("test", f"{method} test", f"{method} validation"))
        return next((figure for figure in figures if figure and "accuracy" in figure), None)


@dataclass(frozen=True)
class FileCheck:
    """Result of :meth:`ModelZoo.verify` for one file.

    Args:
        name: name of the model, or of a file that is not in the manifest.
        problem: empty when everything is in order.
    """

    name: str
    problem: str = ""


@dataclass(frozen=True)
class ModelZoo:
    """A folder of models and its manifest."""

    folder: Path
    entries: tuple[ZooEntry, ...]

    @classmethod
    def open(cls, folder: str | Path = FOLDER) -> ModelZoo:
        """Read a manifest.

        Args:
            folder: with ``manifest.json``; the package's own by default.

        Raises:
            ModelError: there is none, or it is not a manifest.
        """
        path = existing(Path(folder) / MANIFEST, "a list of models")
        try:
            value = json.loads(path.read_text(encoding="utf-8"))
            if value["schema"] != SCHEMA:
                raise ModelError(f"{path} has another format", expected=f"schema {SCHEMA}", got=str(value["schema"]))
            entries = tuple(ZooEntry(**entry) for entry in value["models"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ModelError(
                f"{path} is not a list of models ({error})", hint="make it again: edgeemo maintain manifest --write"
            ) from error
        return cls(Path(folder), entries)

    @property
    def names(self) -> list[str]:
        """Names of the models, in alphabetical order."""
        return [entry.name for entry in self.entries]

    def entry(self, name: str) -> ZooEntry:
        """Return one model by its name; ``nano`` is short for ``edgeemo-nano``.

        Raises:
            ModelError: there is none of that name; the message names those that are there.
        """
        if found := self.find(name):
            return found
        raise ModelError(
            f"unknown model {name!r}",
            expected=f"a path, or one of {', '.join(self.names)}",
            hint="see edgeemo models list",
        )

    def find(self, name: str) -> ZooEntry | None:
        """Return one model by its name, as :meth:`entry` does; None when there is none of that name."""
        return next((entry for entry in self.entries if entry.name in (name, f"{FAMILY}-{name}")), None)

    def path(self, entry: ZooEntry) -> Path:
        """Return the path of a model."""
        return self.folder / entry.file

    def verify(self, name: str | None = None) -> list[FileCheck]:
        """Compare the files with the manifest: size, SHA-256, card and graph of each, and files not in it.

        Args:
            name: model to check; None for all.

        Raises:
            EdgeemoError: there is no model of that name.
        """
        entries = self.entries if name is None else (self.entry(name),)
        findings = [FileCheck(entry.name, self._problem(entry)) for entry in entries]
        if name is None:
            listed = {self.path(entry) for entry in self.entries}
            stray = [path for path in _models(self.folder) if path not in listed]
            findings += [FileCheck(path.name, "is not in the manifest") for path in stray]
        return findings

    def _problem(self, entry: ZooEntry) -> str:
        path = self.path(entry)
        try:
            data = path.read_bytes()
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})"
        if len(data) != entry.bytes:
            return f"has {len(data):,} bytes, {entry.bytes:,} are listed"
        if (found := sha256(data)) != entry.sha256:
            return f"has SHA-256 {found[:16]}..., {entry.sha256[:16]}... is listed"
        try:
            return "" if _entry(path, self.folder) == entry else "is the file that is listed, with other facts"
        except EdgeemoError as error:
            return str(error)


def make_manifest(folder: str | Path = FOLDER) -> str:
    """Return the manifest of the .tflite files below a folder as JSON; the same files give the same text.

    Raises:
        ModelError: a file is not a model, has no card, or two have the same name.
    """
    folder = existing(folder, "a folder of models")
    entries = [_entry(path, folder) for path in _models(folder)]
    entries.sort(key=lambda entry: entry.name)
    for one, two in itertools.pairwise(entries):
        if one.name == two.name:
            raise ModelError(f"{one.file} and {two.file} have the same name", hint="rename one of them")
    value = {"schema": SCHEMA, "models": [asdict(entry) for entry in entries]}
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_manifest(folder: str | Path = FOLDER) -> ModelZoo:
    """Write the manifest of a folder, atomically."""
    write_text(Path(folder) / MANIFEST, make_manifest(folder))
    return ModelZoo.open(folder)


def find_model(name_or_path: str | Path) -> Path:
    """Return the path of a model, given as a path or as the name of a model that ships.

    What lies in the working folder wins, so that a shipped name can never hide a file.

    Raises:
        EdgeemoError: neither; the message names the models that ship. A path that leads nowhere is returned as it is:
            whoever opens it says so.
    """
    path = Path(name_or_path)
    # os.path, because a name that is too long for a file is no file; pathlib would raise.
    if path.name != str(name_or_path) or path.suffix or os.path.exists(path):
        return path
    catalog = ModelZoo.open()
    return catalog.path(catalog.entry(str(name_or_path)))


def names_model(text: str) -> bool:
    """Return whether an argument names a model rather than an image: a .tflite, or a word without a suffix.

    Bare words are names of models that ship; a word that is none of them is better called an unknown model than a
    image that is not there.
    """
    path = Path(text)
    if path.suffix == ".tflite":
        return True
    if not os.path.exists(path):
        return path.name == text and not path.suffix
    try:
        with open(path, "rb") as stream:
            return stream.read(8)[4:] == TFLITE_MAGIC
    except OSError:
        return False


def _models(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.tflite"))


def _entry(path: Path, folder: Path) -> ZooEntry:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileError(f"{path} cannot be read ({error.strerror})") from error
    card = card_of(data, str(path))
    if card is None:
        raise ModelError(f"{path} has no model card", expected="models made by edgeemo quantize")
    macs = read_graph(data, str(path)).macs
    file = path.relative_to(folder).as_posix()
    return ZooEntry(path.stem, file, sha256(data), len(data), macs, _facts(card))


def _facts(card: ModelCard) -> dict[str, Any]:
    return {
        "name": card.name,
        "task": card.task,
        "labels": list(card.labels),
        "input": asdict(card.input),
        "architecture": card.provenance.architecture,
        "recipe": card.provenance.recipe,
        "dataset": card.provenance.dataset,
        "quantization": card.quantization.method,
        "metrics": card.metrics,
        "license": card.license,
    }
