"""MQTT through a real mosquitto that comes and goes."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ...conftest import raises

pytest.importorskip("paho.mqtt.client")

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.sinks.base import SourceState, Update
from edgeemo.edge.sinks.mqtt import Broker, MqttSink, message_of

# Real time against deadlines: a shared machine may stop for a second.
pytestmark = pytest.mark.flaky(reruns=2)

Make = Callable[..., Update]
Connect = Callable[..., MqttSink]
MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
real = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto here: apt-get install mosquitto")


class Mosquitto:
    """A broker on a port of its own, that can be stopped, started and paused."""

    def __init__(self, folder: Path, *, password: str | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        lines = [f"listener {self.port} 127.0.0.1", "persistence false"]
        if password is None:
            lines.append("allow_anonymous true")
        else:
            subprocess.run(["mosquitto_passwd", "-c", "-b", folder / "users", "camera", password], check=True)
            (folder / "users").chmod(0o644)
            folder.chmod(0o755)
            lines += ["allow_anonymous false", f"password_file {folder / 'users'}", "user root"]
        self._config = folder / "mosquitto.conf"
        self._config.write_text("\n".join(lines) + "\n")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert MOSQUITTO is not None
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen([MOSQUITTO, "-c", self._config], **quiet)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)
        raise AssertionError("mosquitto did not start")

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


class Listener:
    """Somebody who has subscribed to everything."""

    def __init__(self, port: int) -> None:
        self.got: list[tuple[str, str, bool]] = []
        self._client = paho.Client(CallbackAPIVersion.VERSION2)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe("#")
        self._client.on_message = lambda _c, _d, message: self.got.append(
            (message.topic, message.payload.decode(), message.retain)
        )
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def values(self, topic: str) -> list[Any]:
        return [json.loads(text) if text[:1] in "{[" else text for name, text, _ in list(self.got) if name == topic]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    broker = Mosquitto(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    listener = Listener(broker.port)
    yield listener
    listener.close()


@pytest.fixture
def connect() -> Iterator[Callable[..., MqttSink]]:
    sinks: list[MqttSink] = []

    def connect_to(port: int, **options: Any) -> MqttSink:
        broker = Broker("127.0.0.1", port, user=options.pop("user", None), password=options.pop("password", None))
        sink = MqttSink(broker, device="door", labels=("happy", "neutral"), **options)
        sinks.append(sink)
        sink.start()
        return sink

    yield connect_to
    for sink in sinks:
        sink.close(3)


@real
def test_labels_reach_a_listener(
    connect: Connect,
    broker: Mosquitto,
    listener: Listener,
    update: Make,
    eventually: Callable[..., bool],
) -> None:
    sink = connect(broker.port)
    assert eventually(lambda: listener.values("edgeemo/door/availability") == ["online"])
    for index, happy in enumerate((0.75, 0.75, 0.25)):
        sink.publish(update(index, happy=happy))
        time.sleep(0.1)
    sink.publish(update(None, state=SourceState.RECONNECTING))
    assert eventually(lambda: len(listener.values("edgeemo/door/state")) >= 3)
    states = listener.values("edgeemo/door/state")
    # The second frame told nothing new, within a second of the first.
    assert [state["label"] for state in states] == ["happy", "neutral", None]
    assert states[0] == {
        "label": "happy",
        "confidence": 75.0,
        "faces": 1,
        "probabilities": {"happy": 0.75, "neutral": 0.25},
        "state": "running",
        "camera": "ok",
        "fps": 12.5,
        "wall": states[0]["wall"],
    }
    assert (states[2]["state"], states[2]["camera"], states[2]["faces"]) == ("reconnecting", "problem", None)


@real
def test_home_assistant_is_told_what_there_is(
    connect: Connect, broker: Mosquitto, eventually: Callable[..., bool]
) -> None:
    connect(broker.port, discovery="ha")
    time.sleep(0.5)
    # Somebody who comes later hears it too: it is retained.
    late = Listener(broker.port)
    topics = [f"ha/sensor/edgeemo-door/{key}/config" for key in ("label", "confidence", "faces", "fps")]
    topics.append("ha/binary_sensor/edgeemo-door/camera/config")
    assert eventually(lambda: all(late.values(topic) for topic in topics))
    late.close()
    entities = [late.values(topic)[0] for topic in topics]
    assert len({entity["unique_id"] for entity in entities}) == 5
    for entity in entities:
        assert entity["state_topic"] == "edgeemo/door/state"
        assert entity["availability_topic"] == "edgeemo/door/availability"
        assert entity["device"] == {"identifiers": ["edgeemo-door"], "name": "door", "manufacturer": "edgeemo"}
        assert "key" not in entity
    assert entities[0]["options"] == ["happy", "neutral", "uncertain", "nobody"]
    assert entities[0]["value_template"] == "{{ value_json.label }}"
    assert entities[1]["unit_of_measurement"] == "%"


@real
def test_end_is_told(connect: Connect, broker: Mosquitto, listener: Listener, eventually: Callable[..., bool]) -> None:
    sink = connect(broker.port)
    assert eventually(lambda: "online" in listener.values("edgeemo/door/availability"))
    began = time.monotonic()
    sink.close(2)
    assert time.monotonic() - began < 1.5
    assert eventually(lambda: listener.values("edgeemo/door/availability")[-1] == "offline")


@real
def test_death_is_told_by_the_broker(broker: Mosquitto, listener: Listener, eventually: Callable[..., bool]) -> None:
    import sys

    code = f"""
import sys, time
sys.path[:0] = {sys.path!r}
from edgeemo.edge.sinks.mqtt import Broker, MqttSink
MqttSink(Broker("127.0.0.1", {broker.port}), device="door", labels=()).start()
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code])
    assert eventually(lambda: "online" in listener.values("edgeemo/door/availability"), 20)
    process.kill()
    process.wait()
    assert eventually(lambda: listener.values("edgeemo/door/availability")[-1] == "offline")


@real
def test_broker_gone_and_back(
    connect: Connect,
    broker: Mosquitto,
    listener: Listener,
    update: Make,
    eventually: Callable[..., bool],
) -> None:
    warnings: list[str] = []
    sink = connect(broker.port, warn=warnings.append)
    assert eventually(lambda: "online" in listener.values("edgeemo/door/availability"))
    broker.stop()
    assert eventually(lambda: len(warnings) == 1)
    assert "was lost" in warnings[0]
    assert warnings[0].endswith("; trying again until it is back")
    slowest = 0.0
    for index in range(50):
        began = time.perf_counter()
        sink.publish(update(index, happy=0.9))
        slowest = max(slowest, time.perf_counter() - began)
        time.sleep(0.02)
    assert slowest < 0.5
    listener.got.clear()
    broker.start()
    assert eventually(lambda: "online" in listener.values("edgeemo/door/availability"), 20)
    # What happened meanwhile is over; what happens now is reported.
    assert listener.values("edgeemo/door/state") == []
    sink.publish(update(99, happy=0.1))
    assert eventually(lambda: [state["label"] for state in listener.values("edgeemo/door/state")] == ["neutral"])
    assert len(warnings) == 2
    assert warnings[1].endswith("is there")


@real
def test_broker_that_hangs_keeps_nobody_waiting(
    connect: Connect,
    broker: Mosquitto,
    listener: Listener,
    update: Make,
    eventually: Callable[..., bool],
) -> None:
    sink = connect(broker.port)
    assert eventually(lambda: "online" in listener.values("edgeemo/door/availability"))
    broker.signal(signal.SIGSTOP)
    slowest = 0.0
    for index in range(300):
        message = update(index, happy=index % 2)
        began = time.perf_counter()
        sink.publish(message)
        slowest = max(slowest, time.perf_counter() - began)
    began = time.monotonic()
    sink.close(1)
    assert time.monotonic() - began < 1.5
    assert slowest < 0.5
    broker.signal(signal.SIGCONT)


def test_no_broker_at_the_start_is_no_error(connect: Connect, update: Make, eventually: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        warnings: list[str] = []
        sink = connect(taken.getsockname()[1], warn=warnings.append)
        sink.publish(update(0))
        assert eventually(lambda: warnings)
        sink.close(2)
    assert len(warnings) == 1
    assert "cannot be reached; trying again until it is back" in warnings[0]


@real
@pytest.mark.parametrize("right", [True, False])
def test_credentials(right: bool, connect: Connect, tmp_path: Path, eventually: Any) -> None:
    if shutil.which("mosquitto_passwd") is None:
        pytest.skip("no mosquitto_passwd here")
    broker = Mosquitto(tmp_path, password="correct horse")
    broker.start()
    try:
        warnings: list[str] = []
        password = "correct horse" if right else "battery"
        sink = connect(broker.port, user="camera", password=password, warn=warnings.append)
        if right:
            assert eventually(lambda: sink._client.is_connected())
            assert warnings == []
        else:
            assert eventually(lambda: warnings)
            assert "refuses us (Not authorized)" in warnings[0]
            assert "battery" not in warnings[0]
        sink.close(2)
    finally:
        broker.stop()


def test_message_has_no_box_and_no_image(update: Make) -> None:
    assert set(message_of(update(0))) == {
        *("label", "confidence", "faces", "probabilities", "state", "camera", "fps", "wall")
    }
    assert message_of(update(0, faces=0))["label"] == "nobody"


@pytest.mark.parametrize(
    ("text", "broker"),
    [
        ("pi", Broker("pi", 1883)),
        ("pi:2000", Broker("pi", 2000)),
        ("mqtt://pi", Broker("pi", 1883)),
        ("mqtts://pi", Broker("pi", 8883, tls=True)),
        ("mqtts://[::1]:9", Broker("::1", 9, tls=True)),
    ],
)
def test_broker(text: str, broker: Broker) -> None:
    assert Broker.parse(text, environment={}) == broker


def test_credentials_come_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    environment = {"EDGEEMO_MQTT_USER": "me", "EDGEEMO_MQTT_PASSWORD": "hidden"}
    broker = Broker.parse("pi", environment=environment)
    assert (broker.user, broker.password) == ("me", "hidden")
    assert "hidden" not in f"{broker} {broker!r}"
    broker = Broker.parse("pi", environment={**environment, "EDGEEMO_MQTT_PASSWORD_FILE": str(tmp_path / "secret")})
    assert broker.password == "from a file"


@pytest.mark.parametrize(
    ("text", "environment", "sentence"),
    [
        ("mqtt://me:hidden@pi", {}, "has credentials in it, which everybody on this machine can read; give them in"),
        ("", {}, "not a broker for --mqtt, expected HOST"),
        ("http://pi", {}, "not a broker for --mqtt"),
        ("pi:x", {}, "not a broker for --mqtt"),
        ("pi:99999", {}, "not a broker for --mqtt"),
        ("pi/topic", {}, "not a broker for --mqtt"),
        ("pi", {"EDGEEMO_MQTT_PASSWORD": "hidden"}, "a password for --mqtt without a user; set EDGEEMO_MQTT_USER"),
        ("pi", {"EDGEEMO_MQTT_USER": "me", "EDGEEMO_MQTT_PASSWORD_FILE": "absent"}, "absent is not there"),
    ],
)
def test_what_is_no_broker_is_refused(text: str, environment: dict[str, str], sentence: str) -> None:
    with pytest.raises(EdgeemoError) as caught:
        Broker.parse(text, environment=environment)
    assert sentence in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_certificate_authority_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("hello")
    broker = Broker.parse("mqtts://pi", ca=str(tmp_path / "ca.pem"), environment={})
    with raises(EdgeemoError, problem=r"ca\.pem is not a certificate authority$", expected="^certificates in PEM"):
        MqttSink(broker, labels=())


def test_impossible_name_is_refused() -> None:
    with raises(EdgeemoError, problem="--mqtt-name does not fit$", expected="^1 to 64 letters"):
        MqttSink(Broker("pi", 1), device="a/b", labels=())
