"""A wheel of the running edgeemo, so that a device gets what was tested here."""

from __future__ import annotations

import base64
import hashlib
import importlib.metadata
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ..common.errors import DeploymentError

PACKAGE = Path(__file__).resolve().parents[2]
#: Files of an installation that are made when a wheel is installed, and are not part of it.
_MADE = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json")
#: What a zip can hold as the earliest date, as such and in seconds since 1970.
_EPOCH, _EPOCH_S = (1980, 1, 1, 0, 0, 0), "315532800"


def make_wheel(folder: Path) -> Path:
    """Write the wheel into ``folder``.

    From a checkout it is built (pip fetches setuptools for that); from an installed wheel it is packed again out of the
    installed files, without a network.

    Raises:
        EdgeemoError: it cannot be built.
    """
    return _build(folder) if (PACKAGE / "setup.cfg").exists() else _repack(folder)


def _build(folder: Path) -> Path:
    with tempfile.TemporaryDirectory() as scratch:
        # setuptools would leave build folders in the checkout, and take what an old one holds.
        extra = Path(scratch) / "extra.cfg"
        extra.write_text(f"[build]\nbuild_base={scratch}/build\n[egg_info]\negg_base={scratch}\n", encoding="utf-8")
        command = [sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--quiet", "--no-deps"]
        done = subprocess.run(
            [*command, "--wheel-dir", str(folder), str(PACKAGE)],
            # The same wheel every time, so that a device can tell that it has this release already.
            env={**os.environ, "DIST_EXTRA_CONFIG": str(extra), "SOURCE_DATE_EPOCH": _EPOCH_S},
            capture_output=True,
            text=True,
            check=False,
        )
    wheels = sorted(folder.glob("edgeemo-*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise DeploymentError(f"the wheel of {PACKAGE} cannot be built ({reason})", hint="is there a network to PyPI?")
    return wheels[0]


def _repack(folder: Path) -> Path:
    site = PACKAGE.parent
    # Beside the package that runs: the working folder may hold the traces of another one.
    distribution = next(iter(importlib.metadata.distributions(name="edgeemo", path=[str(site)])), None)
    if distribution is None:
        raise DeploymentError(f"{PACKAGE} is not an installed edgeemo", hint="install it with pip, from a wheel")
    name = f"edgeemo-{distribution.version}"
    target = folder / f"{name}-py3-none-any.whl"
    record = []
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in sorted(map(str, distribution.files or ())):
            # Scripts lie outside of the packages; byte code is compiled again.
            if entry.startswith("..") or "__pycache__" in entry or Path(entry).name in _MADE:
                continue
            data = (site / entry).read_bytes()
            archive.writestr(zipfile.ZipInfo(entry, _EPOCH), data, zipfile.ZIP_DEFLATED)
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
            record.append(f"{entry},sha256={digest},{len(data)}")
        path = f"{name}.dist-info/RECORD"
        archive.writestr(zipfile.ZipInfo(path, _EPOCH), "\n".join([*record, f"{path},,", ""]))
    if not any(line.startswith("edgeemo/cli.py,") for line in record):
        raise DeploymentError("the installed edgeemo does not list its files", hint="install it again from a wheel")
    return target
