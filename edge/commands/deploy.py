"""``edgeemo deploy``: a model as a service on a device, over ssh or as a file to carry there."""

from __future__ import annotations

import importlib.metadata
import shlex
from dataclasses import dataclass

import click

from ..common.errors import EdgeemoError, OptionError
from ..common.files import new_file
from ..deployment.bundle import FOLDER, Service, make_bundle, write_bundle
from ..deployment.ssh import SshHost
from ..model.zoo import find_model
from ..sinks.registry import requested_sinks
from .options import force_option, gathered, quiet_option
from .run import command as run_command


@dataclass(frozen=True)
class ServiceSettings:
    """Options for the service that is installed; see ``edgeemo deploy --help``."""

    source: str
    run_options: str
    extras: tuple[str, ...]


_SERVICE_OPTIONS = (
    click.option("--source", default="0", show_default=True, help="Source that edgeemo run classifies on the device."),
    click.option("--run-options", default="", metavar="TEXT", help="Further options of edgeemo run, in one argument."),
    click.option(
        "--extra",
        "extras",
        multiple=True,
        metavar="NAME",
        help="Extra of the package to install; repeatable. What the run options need is added.",
    ),
)


@dataclass(frozen=True)
class Login:
    """Options for the way to the device; see ``edgeemo deploy --help``."""

    port: int | None
    identity: str
    ssh_options: tuple[str, ...]
    prefix: str
    python: str


_LOGIN_OPTIONS = (
    click.option(
        "--port", type=click.IntRange(1, 65535), help="Port of HOST's ssh server.  [default: ssh's configuration]"
    ),
    click.option("--identity", default="", metavar="FILE", help="Private key for ssh."),
    click.option(
        "--ssh-option", "ssh_options", multiple=True, metavar="NAME=VALUE", help="Passed to ssh -o; repeatable."
    ),
    click.option(
        "--prefix", default="", metavar="DIR", help="Install below DIR on HOST: without root rights and systemd."
    ),
    click.option("--python", default="python3", show_default=True, metavar="PROGRAM", help="The interpreter on HOST."),
)


@click.command(name="deploy", short_help="Install a model as a service on a device.")
@click.argument("host", required=False)
@click.option("--model", required=True, metavar="MODEL", help="A .tflite with its card, or the name of one that ships.")
@click.option("--bundle", metavar="OUT.tar.gz", help="Write the bundle to a file instead of sending it to HOST.")
@gathered("settings", ServiceSettings, _SERVICE_OPTIONS)
@gathered("login", Login, _LOGIN_OPTIONS)
@force_option("Overwrite OUT.tar.gz.")
@quiet_option("Print nothing when it is done.")
def command(
    host: str | None,
    model: str,
    bundle: str | None,
    settings: ServiceSettings,
    login: Login,
    force: bool,
    quiet: bool,
) -> None:
    """Install a model as a systemd service on HOST (as for ssh), or write the bundle that does so to a file.

    The bundle holds the running edgeemo as a wheel, the model, the unit, its configuration and an install script. The
    device fetches the other packages from PyPI. An existing configuration is kept, and a release that does not work
    leaves the previous one in place.

    Example: edgeemo deploy pi@192.168.1.20 --model model.tflite --source 0
    """
    if (host is None) == (bundle is None):
        raise OptionError("name either a HOST or a file with --bundle")
    extras = all_extras(settings.source, settings.run_options, settings.extras)
    service = Service(find_model(model), settings.source, settings.run_options, extras)
    if bundle is not None:
        target = new_file(bundle, force=force)
        write_bundle(service, target)
        if not quiet:
            click.echo(f"{target}: on the device, tar -xzf {target.name} && sh {FOLDER}/install.sh")
    elif host is not None:
        remote = SshHost(host, login.port, login.identity, login.ssh_options)
        printed = remote.install(make_bundle(service), prefix=login.prefix, python=login.python)
        if not quiet:
            click.echo(printed, nl=False)


def all_extras(source: str, run_options: str, extras: tuple[str, ...]) -> tuple[str, ...]:
    """Return the extras that were asked for, and those that the options of ``edgeemo run`` need.

    Raises:
        OptionError: ``edgeemo run`` does not take these options, or there is no such extra: here in a moment, on the
            device after minutes.
    """
    try:
        words = shlex.split(run_options)
        # As the unit calls it: with a model, so that another one is too many.
        given = run_command.make_context("edgeemo run", ["model.tflite", "--source", source, *words]).params
        sinks = requested_sinks(given)
    except ValueError as error:
        raise OptionError("--run-options cannot be taken apart", got=f"{run_options!r} ({error})") from error
    except (click.ClickException, EdgeemoError) as error:
        reason = error.format_message() if isinstance(error, click.ClickException) else str(error)
        raise OptionError(
            f"edgeemo run does not take these --run-options ({reason})", hint="see edgeemo run --help"
        ) from error
    known = importlib.metadata.metadata("edgeemo").get_all("Provides-Extra") or []
    if unknown := [name for name in extras if name not in known]:
        raise OptionError("no such extra", expected="one of " + ", ".join(known), got=repr(unknown[0]))
    return tuple(dict.fromkeys([*extras, *(kind.extra for kind in sinks.values() if kind.extra)]))
