"""Bundles, the scripts in them, and a real sshd on loopback; what they install goes below a prefix."""

from __future__ import annotations

import getpass
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import cv2
import numpy
import pytest
from click.testing import CliRunner

from edgeemo.cli import edgeemo
from edgeemo.edge.commands.deploy import all_extras
from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.deployment import wheel
from edgeemo.edge.deployment.bundle import FOLDER, Service, make_bundle, write_bundle
from edgeemo.edge.inference.interpreter import RUNTIMES

pytestmark = pytest.mark.native("starts Python, sh and sshd of this machine")

SSHD = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
needs_sshd = pytest.mark.skipif(SSHD is None, reason="no sshd: apt-get install openssh-server")


def environment() -> dict[str, str]:
    """For venvs that shall not download: pip installs the wheel alone, the packages of this Python serve the rest."""
    import importlib.util

    roots = {Path(module.__file__).parents[1] for module in (click, cv2, numpy) if module.__file__}
    for runtime in RUNTIMES.values():
        spec = importlib.util.find_spec(runtime.split(".")[0])
        if spec and spec.origin and "tensorflow" not in spec.name:
            roots.add(Path(spec.origin).parents[1])
    # An edgeemo among these packages would be taken for the one that is to be installed.
    return {"PIP_NO_DEPS": "1", "PIP_IGNORE_INSTALLED": "1", "PYTHONPATH": ":".join(sorted(map(str, roots)))}


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, tiny_int8: Path) -> Path:
    """A bundle of the small model, as a file."""
    path = tmp_path_factory.mktemp("bundle") / "edgeemo.tar.gz"
    write_bundle(Service(tiny_int8, source="/dev/video0", options="--threads 2"), path)
    return path


@pytest.fixture
def unpacked(bundle: Path, tmp_path: Path) -> Path:
    with tarfile.open(bundle) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / FOLDER


@pytest.fixture
def prefix(tmp_path: Path) -> Path:
    return tmp_path / "root"


def install(
    unpacked: Path, prefix: Path, *, script: str = "install.sh", more: tuple[str, ...] = (), **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            "sh",
            unpacked / script,
            "--prefix",
            prefix,
            *(["--python", sys.executable] if script == "install.sh" else []),
            *more,
        ],
        env={**os.environ, **environment(), **env},
        capture_output=True,
        text=True,
        check=False,
    )


def installed(unpacked: Path, prefix: Path, **env: str) -> str:
    done = install(unpacked, prefix, **env)
    assert done.returncode == 0, done.stderr
    return done.stdout


def reseal(unpacked: Path) -> None:
    """Make a changed bundle whole again: another release."""
    names = sorted(path.name for path in unpacked.iterdir() if path.name != "SHA256SUMS")
    sums = subprocess.run(["sha256sum", *names], cwd=unpacked, capture_output=True, text=True, check=True).stdout
    (unpacked / "SHA256SUMS").write_text(sums)


def current(prefix: Path) -> Path:
    return (prefix / "opt/edgeemo/current").resolve()


@pytest.mark.slow
def test_bundle_is_the_same_every_time(bundle: Path, tiny_int8: Path) -> None:
    assert make_bundle(Service(tiny_int8, source="/dev/video0", options="--threads 2")) == bundle.read_bytes()


def test_bundle_holds_what_a_device_needs(unpacked: Path, tiny_int8: Path) -> None:
    assert (unpacked / "model.tflite").read_bytes() == tiny_int8.read_bytes()
    assert 'EDGEEMO_SOURCE="/dev/video0"\n' in (unpacked / "edgeemo.env").read_text()
    assert 'EDGEEMO_OPTIONS="--threads 2"\n' in (unpacked / "edgeemo.env").read_text()
    (path,) = unpacked.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        assert {"edgeemo/cli.py", "edgeemo/edge/deployment/service/install.sh"} <= set(archive.namelist())


@pytest.mark.slow
def test_installed_wheel_is_packed_again(unpacked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (built,) = unpacked.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target"]
    subprocess.run([*pip, tmp_path / "site", built], check=True)
    script = (
        "import pathlib, sys; from edgeemo.edge.deployment import wheel; wheel.make_wheel(pathlib.Path(sys.argv[1]))"
    )
    (tmp_path / "again").mkdir()
    subprocess.run(
        [sys.executable, "-c", script, tmp_path / "again"],
        env={**os.environ, "PYTHONPATH": f"{tmp_path / 'site'}:{environment()['PYTHONPATH']}"},
        cwd=tmp_path,
        check=True,
    )
    (again,) = (tmp_path / "again").glob("*.whl")
    assert again.name == built.name
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(again) as other:
        first, second = ({name: archive.read(name) for name in archive.namelist()} for archive in (one, other))
    assert {name for name in first if first[name] != second.get(name)} <= {
        f"edgeemo-{wheel_version(built)}.dist-info/RECORD"
    }
    assert first.keys() == second.keys()
    subprocess.run([*pip, tmp_path / "site2", again], check=True)


def wheel_version(path: Path) -> str:
    return path.name.split("-")[1]


@pytest.fixture(scope="module")
def device(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """An unpacked bundle, where it was installed, and what the script said."""
    folder = tmp_path_factory.mktemp("device")
    with tarfile.open(bundle) as archive:
        archive.extractall(folder, filter="data")
    return folder / FOLDER, folder / "root", installed(folder / FOLDER, folder / "root")


def test_install_makes_a_working_edgeemo(device: tuple[Path, Path, str]) -> None:
    _, prefix, said = device
    assert "systemd is not running here: installed, but not started" in said
    program = prefix / "opt/edgeemo/current/venv/bin/edgeemo"
    env = {**os.environ, **environment()}
    shown = subprocess.run([program, "--version"], env=env, capture_output=True, text=True, check=True).stdout
    assert "edgeemo, version" in shown
    unit = (prefix / "etc/systemd/system/edgeemo.service").read_text()
    assert f"ExecStart={program} run {prefix}/opt/edgeemo/current/model.tflite --wait $EDGEEMO_OPTIONS" in unit
    assert "@ROOT@" not in unit
    # It may hold a camera's password.
    assert (prefix / "etc/edgeemo/edgeemo.env").stat().st_mode & 0o077 == 0


def test_again_is_quick_and_keeps_the_configuration(device: tuple[Path, Path, str]) -> None:
    unpacked, prefix, _ = device
    config = prefix / "etc/edgeemo/edgeemo.env"
    config.write_text('EDGEEMO_SOURCE="1"\nEDGEEMO_OPTIONS=""\n')
    before = current(prefix)
    said = installed(unpacked, prefix)
    assert "this release is there already" in said
    assert "your configuration was kept" in said
    assert current(prefix) == before
    assert config.read_text().startswith('EDGEEMO_SOURCE="1"')
    assert (config.parent / "edgeemo.env.new").read_text() == (unpacked / "edgeemo.env").read_text()


@pytest.mark.slow
def test_release_that_does_not_load_changes_nothing(unpacked: Path, prefix: Path) -> None:
    installed(unpacked, prefix)
    before = current(prefix)
    (unpacked / "model.tflite").write_bytes(b"no model")
    reseal(unpacked)
    done = install(unpacked, prefix)
    assert done.returncode == 1
    assert "error: the new release does not work here; nothing was changed" in done.stderr
    assert current(prefix) == before
    assert [path.name for path in (prefix / "opt/edgeemo/releases").iterdir()] == [before.name]


def fake_systemctl(folder: Path, *, bad_release: str = "-") -> Path:
    """A systemctl that notes its arguments, and cannot start one release."""
    program = folder / "systemctl"
    program.write_text(
        f'#!/bin/sh\necho "$*" >>{folder}/calls\n[ "$1" != restart ] || '
        f'[ "$(basename "$(readlink {folder}/root/opt/edgeemo/current)")" != {bad_release} ]\n'
    )
    program.chmod(0o755)
    return program


@pytest.mark.slow
def test_release_that_does_not_start_gives_way_to_the_one_before(unpacked: Path, prefix: Path, tmp_path: Path) -> None:
    said = installed(unpacked, prefix, EDGEEMO_SYSTEMCTL=str(fake_systemctl(tmp_path)))
    assert "the service runs" in said
    before = current(prefix)
    (unpacked / "edgeemo.env").write_text('EDGEEMO_SOURCE="2"\n')
    reseal(unpacked)
    digest = subprocess.run(["sha256sum", unpacked / "SHA256SUMS"], capture_output=True, text=True, check=True).stdout
    program = fake_systemctl(tmp_path, bad_release=digest[:12])
    done = install(unpacked, prefix, EDGEEMO_SYSTEMCTL=str(program))
    assert done.returncode == 1
    assert "error: the new release does not start; the one before runs again" in done.stderr
    assert current(prefix) == before
    assert (tmp_path / "calls").read_text().splitlines()[-2:] == ["restart edgeemo.service"] * 2


@pytest.mark.slow
def test_uninstall_keeps_the_configuration_unless_told(unpacked: Path, prefix: Path) -> None:
    installed(unpacked, prefix)
    assert install(unpacked, prefix, script="uninstall.sh").returncode == 0
    assert [path.name for path in prefix.rglob("*") if path.is_file()] == ["edgeemo.env"]
    assert install(unpacked, prefix, script="uninstall.sh", more=("--purge",)).returncode == 0
    assert not (prefix / "etc/edgeemo").exists()


@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("damaged", "error: the bundle is damaged; copy it again"),
        ("no python", "error: /no/python is not there; install Python 3.10 or later"),
        ("old python", "is too old; edgeemo needs Python 3.10"),
        ("relative", "error: --prefix must be an absolute path; got root"),
        ("blank", "error: --prefix takes letters"),
        ("no venv", "error: python3-venv is missing; install it: sudo apt-get install python3-venv"),
    ],
)
def test_install_says_what_is_missing(what: str, sentence: str, unpacked: Path, prefix: Path, tmp_path: Path) -> None:
    python = tmp_path / "python"
    if what == "damaged":
        (unpacked / "model.tflite").write_bytes(b"cut")
    elif what == "old python":
        # A Python that says what an old one says: that its version is not enough.
        python.write_text("#!/bin/sh\n[ $1 = --version ] && echo Python 3.9.2 || exit 1\n")
    elif what == "no venv":
        python.write_text(f'#!/bin/sh\ncase $2 in *ensurepip*) exit 1;; esac\nexec {sys.executable} "$@"\n')
    if python.exists():
        python.chmod(0o755)
    chosen = str(python) if python.exists() else "/no/python"
    where = {"relative": Path("root"), "blank": tmp_path / "a b"}.get(what, prefix)
    done = install(unpacked, where, more=("--python", chosen))
    assert done.returncode == 1
    assert sentence in done.stderr
    assert not (where / "opt/edgeemo/current").exists()


@pytest.mark.parametrize(
    ("sudo", "sentence"),
    [
        pytest.param(None, "error: root rights are needed, and there is no sudo", id="no sudo"),
        pytest.param("exit 1", "error: root rights are needed, and sudo asks for a password", id="sudo that asks"),
    ],
)
def test_install_without_root_rights(sudo: str | None, sentence: str, unpacked: Path, tmp_path: Path) -> None:
    programs = {"id": "echo 1000"} | ({"sudo": sudo} if sudo else {})
    for name in ("sh", "dirname", "sha256sum"):
        (tmp_path / name).symlink_to(shutil.which(name) or "/absent")
    for name, line in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{line}\n")
        (tmp_path / name).chmod(0o755)
    # Should it continue all the same, there is no such Python, and nothing is installed in this machine.
    command = ["sh", unpacked / "install.sh", "--python", "/no/python"]
    env = {**os.environ, "PATH": str(tmp_path)}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert sentence in done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
def test_unit_is_valid(device: tuple[Path, Path, str]) -> None:
    unit = device[1] / "etc/systemd/system/edgeemo.service"
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    # Other units of this machine may have faults of their own.
    assert [line for line in done.stderr.splitlines() if "edgeemo" in line] == []
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=40", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@dataclass(frozen=True)
class Sshd:
    """A sshd on loopback for this user.

    Args:
        port: where it listens.
        key: that it accepts.
        stranger: a key that it does not.
        known: host keys of it; ``wrong`` beside it holds another one.
    """

    port: int
    key: Path
    stranger: Path
    known: Path

    def arguments(self, *, key: Path | None = None, known: Path | None = None) -> list[str]:
        """Options of ``edgeemo deploy`` that reach it."""
        options = [
            f"UserKnownHostsFile={known or self.known}",
            "StrictHostKeyChecking=yes",
            "GlobalKnownHostsFile=/dev/null",
        ]
        chosen = [part for option in options for part in ("--ssh-option", option)]
        return ["--port", str(self.port), "--identity", str(key or self.key), *chosen]


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("sshd")
    for name in ("host", "other", "key", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shutil.copyfile(folder / "key.pub", folder / "authorized")
    for name, key in (("known", "host"), ("wrong", "other")):
        (folder / name).write_text(f"[127.0.0.1]:{port} {(folder / f'{key}.pub').read_text()}")
    settings = " ".join(f"{name}={value}" for name, value in environment().items())
    (folder / "config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nUsePAM no\nStrictModes no\nPidFile none\n"
        f"PermitRootLogin prohibit-password\nSetEnv {settings}\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen([str(SSHD), "-D", "-e", "-f", folder / "config"], stderr=subprocess.PIPE)
    try:
        _wait_for(port, process)
        yield Sshd(port, folder / "key", folder / "stranger", folder / "known")
    finally:
        process.terminate()
        process.communicate(timeout=10)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            pytest.fail(f"sshd ended: {process.stderr.read() if process.stderr else ''!r}")
        time.sleep(0.1)
    pytest.fail("sshd does not listen")


HOST = f"{getpass.getuser()}@127.0.0.1"


@pytest.mark.slow
@needs_sshd
def test_deploy_over_ssh(sshd: Sshd, tiny_int8: Path, prefix: Path) -> None:
    arguments = ["deploy", HOST, "--model", str(tiny_int8), "--prefix", str(prefix), "--python", sys.executable]
    result = CliRunner().invoke(edgeemo, [*arguments, *sshd.arguments()])
    assert result.exit_code == 0, result.output
    assert "installed, but not started" in result.output
    assert (prefix / "opt/edgeemo/current/model.tflite").read_bytes() == tiny_int8.read_bytes()
    assert not list(Path("/tmp").glob(f"tmp.*/{FOLDER}"))


@needs_sshd
@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("key", "127.0.0.1 cannot be logged in to: it does not accept this user's key; copy the key there"),
        ("host key", "cannot be logged in to: its host key is unknown or has changed; log in once by hand"),
        ("port", "cannot be logged in to: nothing answers at its ssh port"),
        ("python", "127.0.0.1: /no/python is not there; install Python 3.10"),
        ("prefix", "cannot be written"),
    ],
)
def test_deploy_that_fails_is_one_sentence(
    change: str, sentence: str, sshd: Sshd, bundle: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("edgeemo.edge.commands.deploy.make_bundle", lambda _: bundle.read_bytes())
    (tmp_path / "file").write_text("")
    reach = sshd.arguments(
        key=sshd.stranger if change == "key" else None,
        known=sshd.known.with_name("wrong") if change == "host key" else None,
    )
    if change == "port":
        reach += ["--port", "1"]
    where = ["--prefix", str(tmp_path / ("file" if change == "prefix" else "root"))]
    python = ["--python", "/no/python" if change == "python" else sys.executable]
    result = CliRunner().invoke(edgeemo, ["deploy", HOST, "--model", "m.tflite", *where, *python, *reach])
    assert result.exit_code == 1
    assert sentence in result.output
    assert len(result.output.strip().splitlines()) == 1


@needs_sshd
def test_unknown_host_is_one_sentence(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgeemo.edge.commands.deploy.make_bundle", lambda _: bundle.read_bytes())
    result = CliRunner().invoke(edgeemo, ["deploy", "pi@no-such-host.invalid", "--model", "m.tflite"])
    assert result.exit_code == 1
    assert "pi@no-such-host.invalid cannot be logged in to: there is no machine of this name" in result.output


@pytest.mark.parametrize(
    ("options", "extras"),
    [
        ("", ()),
        ("--threads 2 --out events.jsonl", ()),
        ("--mqtt broker --web 127.0.0.1:8080", ("web", "mqtt")),
        ("--web 127.0.0.1:8080", ("web",)),
    ],
)
def test_run_options_bring_the_extras_that_they_need(options: str, extras: tuple[str, ...]) -> None:
    assert all_extras("0", options, ()) == extras
    assert all_extras("0", options, ("mqtt",)) == tuple(dict.fromkeys(("mqtt", *extras)))


PACK = ("deploy", "--model", "MODEL", "--bundle", "b.tar.gz")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["deploy", "--model", "MODEL"], 2, "name either a HOST or a file with --bundle"),
        (["deploy", "pi@x", "--model", "MODEL", "--bundle", "b.tar.gz"], 2, "name either a HOST or a file"),
        (["deploy", "--model", "MODEL", "--bundle", "there.tar.gz"], 1, "there.tar.gz exists already"),
        (["deploy", "--model", "absent.tflite", "--bundle", "b.tar.gz"], 1, "absent.tflite is not there"),
        (["deploy", "--model", "MODEL", "--bundle", "b.tar.gz", "--source", "a\nb"], 2, "--source must be one line"),
        ([*PACK, "--run-options", "--wbe :1"], 2, "edgeemo run does not take these --run-options (No such option"),
        ([*PACK, "--run-options", "two.tflite"], 2, "does not take these --run-options (Got unexpected extra argument"),
        ([*PACK, "--run-options", "--privacy --video a.avi"], 2, "(--privacy and --video do not go together"),
        ([*PACK, "--run-options", "'"], 2, "--run-options cannot be taken apart, got"),
        ([*PACK, "--extra", "gui"], 2, "no such extra, expected one of "),
    ],
)
def test_bad_use_is_one_sentence(
    arguments: list[str], code: int, sentence: str, tiny_int8: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.tar.gz").write_text("")
    result = CliRunner().invoke(edgeemo, [str(tiny_int8) if word == "MODEL" else word for word in arguments])
    assert result.exit_code == code
    assert sentence in result.output
    assert not (tmp_path / "b.tar.gz").exists()


def test_wheel_that_cannot_be_built_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "setup.cfg").write_text("[metadata]\nname = broken\n")
    (tmp_path / "pyproject.toml").write_text('[build-system]\nrequires = []\nbuild-backend = "absent"\n')
    monkeypatch.setattr(wheel, "PACKAGE", tmp_path)
    with pytest.raises(EdgeemoError, match=r"the wheel of .* cannot be built") as caught:
        wheel.make_wheel(tmp_path)
    assert "\n" not in str(caught.value)
