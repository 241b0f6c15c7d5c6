"""A machine that is reached by the system's own ssh, with its keys, configuration and agent."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from ..common.errors import DeploymentError
from .bundle import FOLDER

_CONNECT_S = 10
#: What ssh itself ends with when it does not reach the other side's shell.
_SSH_FAILED = 255
#: What ssh says -> what it means, and what to do about it.
_REASONS = {
    "Could not resolve hostname": ("there is no machine of this name", "check the name, or give the address"),
    "Connection refused": ("nothing answers at its ssh port", "switch ssh on there (raspi-config), or give --port"),
    "timed out": ("it does not answer", "check that it is on and in this network"),
    "No route to host": ("it cannot be reached", "check that it is on and in this network"),
    "Network is unreachable": ("it cannot be reached", "check that it is on and in this network"),
    "Host key verification failed": (
        "its host key is unknown or has changed",
        "log in once by hand with ssh and compare the key",
    ),
    "Permission denied": (
        "it does not accept this user's key",
        "copy the key there with ssh-copy-id, or give --identity",
    ),
}


@dataclass(frozen=True)
class SshHost:
    """A machine to log in to.

    Args:
        host: ``user@name`` or a name of ~/.ssh/config.
        port: None for ssh's own choice.
        identity: file of the private key; empty for ssh's own choice.
        options: further ``-o`` options of ssh.
    """

    host: str
    port: int | None = None
    identity: str = ""
    options: tuple[str, ...] = ()

    def command(self, remote: str) -> list[str]:
        """Return the ssh call that runs ``remote`` in that machine's shell and never asks anything."""
        call = ["ssh", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={_CONNECT_S}"]
        call += [part for option in self.options for part in ("-o", option)]
        if self.port is not None:
            call += ["-p", str(self.port)]
        if self.identity:
            call += ["-i", self.identity, "-o", "IdentitiesOnly=yes"]
        return [*call, "--", self.host, remote]

    def install(self, bundle: bytes, *, prefix: str = "", python: str = "python3") -> str:
        """Copy a bundle to the machine and run its install script.

        Args:
            bundle: see :func:`edgeemo.edge.deployment.bundle.make_bundle`.
            prefix: folder in place of / on the device; then neither root rights nor systemd are used.
            python: the interpreter there.

        Returns:
            What the script said.

        Raises:
            DeploymentError: no ssh here, no connection, or the script failed.
        """
        if shutil.which("ssh") is None:
            raise DeploymentError("there is no ssh on this machine", hint="install it: apt-get install openssh-client")
        arguments = ["--python", python, *(["--prefix", prefix] if prefix else [])]
        script = (
            'folder=$(mktemp -d) && trap \'rm -rf "$folder"\' EXIT && tar -xzf - -C "$folder" && '
            f'sh "$folder"/{FOLDER}/install.sh {shlex.join(arguments)}'
        )
        # The shell over there may be any; the script is for sh.
        call = self.command(f"sh -c {shlex.quote(script)}")
        done = subprocess.run(call, input=bundle, capture_output=True, check=False)
        said, errors = (stream.decode("utf-8", "replace") for stream in (done.stdout, done.stderr))
        if done.returncode == _SSH_FAILED:
            raise self._unreachable(errors)
        if done.returncode:
            lines = errors.strip().splitlines() or ["the install script said nothing"]
            found = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
            raise DeploymentError(f"{self.host}: {found[-1] if found else lines[-1]}")
        return said

    def _unreachable(self, errors: str) -> DeploymentError:
        for sign, (reason, hint) in _REASONS.items():
            if sign in errors:
                return DeploymentError(f"{self.host} cannot be logged in to: {reason}", hint=hint)
        last = re.sub(r"\s+", " ", errors.strip())[-200:] or "ssh said nothing"
        return DeploymentError(f"{self.host} cannot be logged in to ({last})", hint=f"try it by hand: ssh {self.host}")
