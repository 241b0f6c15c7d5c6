"""Virtual environments with somebody else's plug-in installed beside edgeemo."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Mapping
from pathlib import Path


def plugin_venv(tmp_path: Path, file: Path, entry_points: Mapping[str, Mapping[str, str]]) -> Path:
    """Make a virtual environment in which a package of one file is installed.

    It sees the packages of the interpreter that runs the tests, edgeemo among them, so that nothing is downloaded and
    it takes half a second. The package is installed as pip would: its module and its metadata with the entry points.

    Args:
        tmp_path: empty folder to work in.
        file: module to install, such as ``tests/plugins/toy_detector.py``.
        entry_points: group -> name -> ``"module:attribute"``.

    Returns:
        The environment's interpreter; see :func:`edgeemo` to run a command in it.
    """
    folder = tmp_path / "plugin-venv"
    venv.EnvBuilder(symlinks=True, with_pip=False).create(folder)
    packages = folder / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    # addsitedir also reads the .pth files in there, by which editable installs work.
    places = [path for path in sys.path if path and Path(path).is_dir()]
    lines = [f"import site; site.addsitedir({path!r})" for path in places]
    (packages / "running-interpreter.pth").write_text("\n".join(lines) + "\n")

    shutil.copy(file, packages)
    metadata = packages / f"{file.stem}-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {file.stem}\nVersion: 1.0\n")
    sections = (
        f"[{group}]\n" + "".join(f"{name} = {where}\n" for name, where in points.items())
        for group, points in entry_points.items()
    )
    (metadata / "entry_points.txt").write_text("\n".join(sections))
    (metadata / "RECORD").write_text("")
    return folder / "bin" / "python"


def edgeemo(
    python: Path, *arguments: str | os.PathLike[str], check: bool = True, timeout: float = 120
) -> subprocess.CompletedProcess[str]:
    """Run ``edgeemo`` in such an environment.

    Args:
        python: interpreter of the environment.
        arguments: of the command line.
        check: assert that the command ends well.
        timeout: seconds until it is killed.

    Returns:
        The finished process with its output as text.
    """
    command = [str(python), "-m", "edgeemo", *map(os.fspath, arguments)]
    # Not the tests' folder: what is found there is not installed.
    done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, cwd=python.parent)
    assert not check or done.returncode == 0, done.stderr
    return done
