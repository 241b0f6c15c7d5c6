"""MQTT messages with labels, announced so that Home Assistant discovers them."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ..common.errors import FileError, OptionError
from ..common.files import existing
from ..faces.face import largest
from ..faces.tracker import UNCERTAIN
from .base import Sink, SinkContext, SinkKind, SourceState, ThreadedSink, Update

if TYPE_CHECKING:
    import paho.mqtt.client as paho

#: Environment variables with the credentials; on a command line they would be seen by everybody on the machine.
USER, PASSWORD, PASSWORD_FILE = "EDGEEMO_MQTT_USER", "EDGEEMO_MQTT_PASSWORD", "EDGEEMO_MQTT_PASSWORD_FILE"
#: Where Home Assistant looks for announcements, by default.
DISCOVERY = "homeassistant"
#: Label where there is no face. Where the camera gives no image there is no label at all: Home Assistant's "unknown".
NOBODY = "nobody"
#: Shortest time between two messages while the label stays; a change of label or state is sent at once.
_PACE_S = 1.0
#: Seconds of silence after which the broker reports us as offline (one and a half times this).
_KEEPALIVE_S = 20
#: First and longest wait before a lost broker is tried again.
_RETRY_S = (1, 30)
_SCHEMES = {"mqtt": 1883, "mqtts": 8883}


@dataclass(frozen=True)
class Broker:
    """Address of a broker, and our credentials.

    Args:
        host, port: network address.
        tls: whether the connection is encrypted and the certificate checked.
        user, password: credentials; None for none.
        ca: file of the certificate authority; None for those that the system trusts.
    """

    host: str
    port: int
    tls: bool = False
    user: str | None = None
    password: str | None = None
    ca: str | None = None

    @classmethod
    def parse(cls, text: str, *, ca: str | None = None, environment: Mapping[str, str] | None = None) -> Broker:
        """Read HOST, HOST:PORT, mqtt://HOST[:PORT] or mqtts://HOST[:PORT]; the credentials come from the environment.

        Raises:
            EdgeemoError: something else, credentials in it, or a password file that cannot be read.
        """
        environment = os.environ if environment is None else environment
        form = "HOST[:PORT], mqtt://HOST[:PORT] or mqtts://HOST[:PORT]"
        try:
            parts = urlsplit(text if "://" in text else f"mqtt://{text}")
            port = parts.port
        except ValueError as error:
            raise OptionError("not a broker for --mqtt", expected=form) from error
        if parts.username is not None or parts.password is not None:
            raise OptionError(
                "the broker for --mqtt has credentials in it, which everybody on this machine can read",
                hint=f"give them in the environment: {USER}, and {PASSWORD} or {PASSWORD_FILE}",
            )
        if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
            raise OptionError("not a broker for --mqtt", expected=form, got=repr(text))
        user = environment.get(USER)
        password = environment.get(PASSWORD)
        if name := environment.get(PASSWORD_FILE):
            try:
                password = existing(name, f"a password ({PASSWORD_FILE})").read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise FileError(f"{name} cannot be read as a password", hint=f"check {PASSWORD_FILE}") from error
        if password is not None and user is None:
            raise OptionError("a password for --mqtt without a user", hint=f"set {USER}")
        if ca is not None:
            existing(ca, "a certificate authority (PEM)")
        return cls(parts.hostname, port or _SCHEMES[parts.scheme], parts.scheme == "mqtts", user, password, ca)

    def __repr__(self) -> str:
        return f"Broker({self})"

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


class MqttSink(ThreadedSink):
    """Sink that publishes the label of the largest face as JSON under ``edgeemo/DEVICE/state``.

    ``edgeemo/DEVICE/availability`` is ``online``, or ``offline`` when we are gone, by the broker's own doing (last
    will). A broker that goes away is tried again forever; meanwhile nothing is kept: old labels are not news.

    Args:
        broker: broker to publish to.
        device: name of this device: letters, digits, ``-`` and ``_``.
        labels: labels of the model.
        discovery: Home Assistant's prefix; empty for no announcement.
        warn: takes a sentence when the broker is lost, refuses us, or is back.

    Raises:
        EdgeemoError: an impossible name, or a certificate authority that is none.
    """

    skips = True

    def __init__(
        self,
        broker: Broker,
        *,
        device: str | None = None,
        labels: Sequence[str],
        discovery: str = DISCOVERY,
        warn: Callable[[str], None] = lambda _sentence: None,
    ) -> None:
        super().__init__(f"mqtt {broker}", size=1)
        self._broker = broker
        self.device = default_device() if device is None else device
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.device):
            raise OptionError(
                "the name for --mqtt-name does not fit",
                expected="1 to 64 letters, digits, - and _",
                got=repr(self.device),
            )
        self._labels = tuple(labels)
        self._discovery = discovery
        self._warn = warn
        self._told: dict[str, Any] = {}
        self._told_at = 0.0
        self._complained = False
        self._client = self._make_client()

    @property
    def topic(self) -> str:
        """Prefix of everything that is published."""
        return f"edgeemo/{self.device}"

    def start(self) -> None:
        """Connect in the background; a broker that is not there yet is no error."""
        self._client.connect_async(self._broker.host, self._broker.port, _KEEPALIVE_S)
        self._client.loop_start()
        super().start()

    def _make_client(self) -> paho.Client:
        # Not at the top: the options are declared without it.
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        client = paho.Client(CallbackAPIVersion.VERSION2, client_id=f"edgeemo-{self.device}"[:64])
        client.reconnect_delay_set(*_RETRY_S)
        client.will_set(f"{self.topic}/availability", "offline", qos=1, retain=True)
        if self._broker.user is not None:
            client.username_pw_set(self._broker.user, self._broker.password)
        if self._broker.tls:
            try:
                client.tls_set(ca_certs=self._broker.ca)
            except (OSError, ssl.SSLError) as error:
                raise FileError(
                    f"{self._broker.ca} is not a certificate authority", expected="certificates in PEM"
                ) from error
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        return client

    def _on_connect(self, client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._complain(f"the MQTT broker {self._broker} refuses us ({code})")
            return
        for topic, value in self._announcements():
            client.publish(topic, json.dumps(value), qos=1, retain=True)
        client.publish(f"{self.topic}/availability", "online", qos=1, retain=True)
        # Whoever listens to a new connection knows nothing yet.
        self._told = {}
        if self._complained:
            self._complained = False
            self._warn(f"the MQTT broker {self._broker} is there")

    def _on_connect_fail(self, _client: paho.Client, _data: Any) -> None:
        self._complain(f"the MQTT broker {self._broker} cannot be reached")

    def _on_disconnect(self, _client: paho.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure and not self._closing:
            self._complain(f"the MQTT broker {self._broker} was lost ({code})")

    def _complain(self, sentence: str) -> None:
        """Warn once for each loss, however often it is tried again."""
        if not self._complained:
            self._complained = True
            self._warn(f"{sentence}; trying again until it is back")

    def take(self, update: Update) -> None:
        message = message_of(update)
        telling = ("label", "faces", "state")
        changed = any(message[key] != self._told.get(key) for key in telling)
        if not changed and time.monotonic() - self._told_at < _PACE_S:
            return
        # Not while there is no connection, or one that takes nothing: it would be sent when it is no longer true. For
        # the same reason the broker is not to keep it.
        if self._client.is_connected() and not self._client.want_write():
            self._client.publish(f"{self.topic}/state", json.dumps(message), qos=0)
            self._told, self._told_at = message, time.monotonic()

    def finish(self) -> None:
        if self._client.is_connected():
            self._client.publish(f"{self.topic}/availability", "offline", qos=1, retain=True).wait_for_publish(1)
        self._client.disconnect()
        self._client.loop_stop()

    def _announcements(self) -> list[tuple[str, dict[str, Any]]]:
        """Return Home Assistant's discovery messages: topic and configuration of each entity."""
        if not self._discovery:
            return []
        common = {
            "availability_topic": f"{self.topic}/availability",
            "state_topic": f"{self.topic}/state",
            "device": {"identifiers": [f"edgeemo-{self.device}"], "name": self.device, "manufacturer": "edgeemo"},
        }
        entities: list[tuple[str, str, dict[str, Any]]] = [
            (
                "sensor",
                "emotion",
                {"device_class": "enum", "options": [*self._labels, UNCERTAIN, NOBODY], "key": "label"},
            ),
            (
                "sensor",
                "confidence",
                {"unit_of_measurement": "%", "state_class": "measurement", "key": "confidence"},
            ),
            ("sensor", "faces", {"state_class": "measurement", "key": "faces"}),
            ("sensor", "frame rate", {"unit_of_measurement": "fps", "entity_category": "diagnostic", "key": "fps"}),
            (
                "binary_sensor",
                "camera",
                {"device_class": "problem", "payload_on": "problem", "payload_off": "ok", "key": "camera"},
            ),
        ]
        announced = []
        for kind, name, details in entities:
            key = details.pop("key")
            unique = f"edgeemo-{self.device}-{key}"
            value = {
                "name": name.capitalize(),
                "unique_id": unique,
                "value_template": f"{{{{ value_json.{key} }}}}",
                **details,
                **common,
            }
            announced.append((f"{self._discovery}/{kind}/edgeemo-{self.device}/{key}/config", value))
        return announced


def message_of(update: Update) -> dict[str, Any]:
    """Return the message about an update: the stable label of the largest face, and the status. No box, no image."""
    running = update.status.state is SourceState.RUNNING
    face = largest(update.faces)
    return {
        "label": face.label if face else NOBODY if running else None,
        "confidence": round(100 * face.score, 1) if face else None,
        "faces": len(update.faces) if running else None,
        "probabilities": face.to_dict()["probabilities"] if face else None,
        "state": update.status.state.value,
        "camera": "ok" if running else "problem",
        "fps": round(update.status.fps, 1),
        "wall": round(update.wall_time, 3),
    }


def default_device() -> str:
    """Return this machine's name, as far as it fits."""
    return re.sub(r"[^A-Za-z0-9_-]", "-", socket.gethostname())[:64] or "edgeemo"


def _open(context: SinkContext, *, mqtt: str, mqtt_name: str | None = None, mqtt_ca: str | None = None) -> Sink:
    broker = Broker.parse(mqtt, ca=mqtt_ca)
    return MqttSink(broker, device=mqtt_name, labels=context.labels, warn=context.warn)


SINK = SinkKind(
    options=(
        click.Option(
            ["--mqtt"],
            metavar="HOST[:PORT]",
            help="Publish labels to an MQTT broker, where Home Assistant finds them; mqtts://HOST for TLS. Credentials "
            f"come from the environment ({USER}, and {PASSWORD} or {PASSWORD_FILE}).",
        ),
        click.Option(["--mqtt-name"], metavar="NAME", help="Name of this device for --mqtt; else the machine's."),
        click.Option(["--mqtt-ca"], metavar="FILE", help="Certificate authority of the broker (PEM)."),
    ),
    open=_open,
    private=True,
    extra="mqtt",
)
