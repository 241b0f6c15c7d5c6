"""Bundles that install a model as a service: wheel, model, systemd unit, configuration, install script."""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ..common.errors import OptionError
from ..common.files import sha256_file, write_bytes
from ..inference.classifier import Classifier
from ..model.card import card_of, with_card
from .wheel import make_wheel

#: The folder inside the archive.
FOLDER = "edgeemo-bundle"
SERVICE = Path(__file__).parent / "service"
_SCRIPTS = ("install.sh", "uninstall.sh")
#: Who unpacks the archive gets these, whatever the machine that made it had.
_MODE, _SCRIPT_MODE = 0o644, 0o755


@dataclass(frozen=True)
class Service:
    """The service that a device runs.

    Args:
        model: a .tflite with its card.
        source: for ``edgeemo run --source``.
        options: further options of ``edgeemo run``, as on a command line.
        extras: extras of the package to install (``mqtt``).
    """

    model: Path
    source: str = "0"
    options: str = ""
    extras: tuple[str, ...] = ()

    def environment(self) -> str:
        """Return the configuration file in the form that systemd reads.

        Raises:
            EdgeemoError: a value has more than one line.
        """
        lines = [
            "# What edgeemo runs with; after a change: sudo systemctl restart edgeemo",
            "# A camera (0, /dev/video0), a stream or a file.",
            f"EDGEEMO_SOURCE={_quoted('--source', self.source)}",
            "# Further options of edgeemo run, as on a command line.",
            f"EDGEEMO_OPTIONS={_quoted('--run-options', self.options)}",
        ]
        return "\n".join(lines) + "\n"


def make_bundle(service: Service) -> bytes:
    """Return the bundle as a .tar.gz: the same bytes for the same service and the same edgeemo.

    Raises:
        EdgeemoError: the model cannot be used or has no card, or the wheel cannot be built.
    """
    model = packed_model(service.model)
    environment = service.environment()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_wheel(folder)
        (folder / "model.tflite").write_bytes(model)
        (folder / "edgeemo.env").write_text(environment, encoding="utf-8")
        (folder / "extras").write_text(f"[{','.join(service.extras)}]" if service.extras else "", encoding="utf-8")
        for part in ("edgeemo.service", *_SCRIPTS):
            shutil.copyfile(SERVICE / part, folder / part)
        files = sorted(folder.iterdir())
        sums = "".join(f"{sha256_file(path)}  {path.name}\n" for path in files)
        (folder / "SHA256SUMS").write_text(sums, encoding="ascii")
        return _archive([*files, folder / "SHA256SUMS"])


def packed_model(path: str | Path) -> bytes:
    """Return the bytes of a model for a device: a card beside the file is embedded.

    Raises:
        EdgeemoError: the model cannot be used or has no card.
    """
    # A model that does not load here would be found out on the device, after minutes.
    classifier = Classifier.open(path)
    data = Path(path).read_bytes()
    return data if card_of(data, str(path)) else with_card(data, classifier.card)


def write_bundle(service: Service, path: Path) -> None:
    """Write the bundle to ``path`` (.tar.gz), atomically; see :func:`make_bundle`."""
    write_bytes(path, make_bundle(service))


def _archive(files: list[Path]) -> bytes:
    stream = io.BytesIO()
    with gzip.GzipFile(fileobj=stream, mode="wb", mtime=0) as packed, tarfile.open(fileobj=packed, mode="w") as archive:
        for path in files:
            entry = tarfile.TarInfo(f"{FOLDER}/{path.name}")
            entry.size = path.stat().st_size
            entry.mode = _SCRIPT_MODE if path.name in _SCRIPTS else _MODE
            with path.open("rb") as data:
                archive.addfile(entry, data)
    return stream.getvalue()


def _quoted(option: str, value: str) -> str:
    if "\n" in value or "\0" in value:
        raise OptionError(f"{option} must be one line", got=repr(value))
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
