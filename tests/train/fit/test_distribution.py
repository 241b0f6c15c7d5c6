"""Replicas: on two devices and in two processes one model is trained."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edgeemo.edge.common.errors import EdgeemoError
from edgeemo.edge.vision.preprocess import InputSpec
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.datasets.registry import read_dataset
from edgeemo.train.datasets.splits import training_data
from edgeemo.train.fit.distribution import open_strategy
from edgeemo.train.fit.loop import training_batches
from edgeemo.train.fit.run import Run
from edgeemo.train.inputs.batches import Batches, BatchOptions
from edgeemo.train.network.model import load_model, weights_digest

from ...conftest import raises

DATA = "synthetic:train=140,test=14,size=24"


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("", "--strategy multiworker needs TF_CONFIG in the environment, expected TF_CONFIG='{"),
        ("{", "TF_CONFIG does not name this worker's place"),
        ("[]", "does not name this worker's place"),
        ({"cluster": {"worker": ["a:1"]}}, "does not name this worker's place"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}, "does not name this worker's place"),
        ({"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}, "does not name this worker's place"),
        ({"cluster": ["a:1"], "task": {"type": "worker", "index": 0}}, "does not name this worker's place"),
    ],
)
def test_a_tf_config_that_does_not_fit_is_named(
    monkeypatch: pytest.MonkeyPatch, config: str | dict[str, object], sentence: str
) -> None:
    monkeypatch.setenv("TF_CONFIG", config if isinstance(config, str) else json.dumps(config))
    with pytest.raises(EdgeemoError) as caught:
        open_strategy("multiworker")
    assert sentence in str(caught.value)


def test_an_unknown_strategy_names_the_known_ones() -> None:
    with raises(EdgeemoError, expected="^one of none, mirrored, multiworker", got="^'tpu'"):
        open_strategy("tpu")


@pytest.mark.parametrize("name", ["none", "mirrored"])
def test_a_single_process_is_the_chief(name: str) -> None:
    strategy = open_strategy(name)
    assert (strategy.chief, strategy.workers) == (True, 1)
    assert strategy.replicas >= 1


@pytest.mark.parametrize(
    ("images", "batch", "replicas", "sizes"),
    [
        (20, 8, 1, [8, 8, 4]),
        (20, 8, 4, [8, 8, 4]),
        (18, 8, 2, [8, 8, 2]),
        # Two images are too few for three replicas.
        (18, 8, 3, [8, 10]),
        (16, 8, 3, [8, 8]),
        (3, 8, 3, [3]),
        (2, 8, 3, [2]),
    ],
)
def test_a_last_batch_has_an_image_for_every_replica(images: int, batch: int, replicas: int, sizes: list[int]) -> None:
    faces = read_dataset(f"synthetic:train={images},test=0,size=24")
    batches = Batches(faces, InputSpec(24, 24), batch, BatchOptions(replicas=replicas))
    assert [len(inputs) for inputs, _, _ in batches.epoch()] == sizes
    assert batches.steps == len(sizes)


@pytest.mark.parametrize(("overrides", "replicas", "smallest"), [([], 8, 7), (["schedule.batch=3"], 4, 3)])
def test_more_replicas_than_images_are_refused(overrides: list[str], replicas: int, smallest: int) -> None:
    recipe = load_recipe("demo", ["data.validation=0.2", "schedule.batch=64", *overrides])
    data = training_data(read_dataset("synthetic:train=35,test=0,size=24"), validation=recipe.data.validation)
    with raises(EdgeemoError, problem=f"of {smallest} images cannot be shared by {replicas} replicas"):
        training_batches(recipe, data, seed=0, replicas=replicas)


def test_the_replicas_share_every_batch() -> None:
    faces = read_dataset("synthetic:train=20,test=0,size=24")
    batches = Batches(faces, InputSpec(24, 24), 8, BatchOptions(seed=1, replicas=4))
    # Two processes with two replicas each.
    first, second = ([part[0].numpy() for part in batches.dataset(replicas=own)] for own in (range(2), range(2, 4)))
    assert len(first) == len(second) == 2 * 3
    for step, (inputs, _, _) in enumerate(batches.epoch(0)):
        parts = [*first[2 * step : 2 * step + 2], *second[2 * step : 2 * step + 2]]
        assert sorted(map(bytes, np.concatenate(parts))) == sorted(map(bytes, inputs))


#: One training on two virtual CPUs and the same on one; without batch normalization, which sees one part each.
_MIRRORED = f"""
import sys
from pathlib import Path
from edgeemo.train.backend import tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from edgeemo.train.fit.loop import train
from edgeemo.train.config.recipe import load_recipe
from edgeemo.train.fit.run import Run, Settings
from edgeemo.train.fit.distribution import open_strategy
recipe = load_recipe("happy-sad", ["task=multiclass", "input.height=24", "input.width=24", "input.channels=gray",
    "architecture.filters=[4,4]", "architecture.dense=8", "architecture.dropout=0.0", "data.validation=0.2",
    "optimizer.learning_rate=0.01", "optimizer.ema=0.9", "augmentation.mixup=0.2", "schedule.batch=16",
    "schedule.epochs=2"])
settings = Settings("{DATA}", seed=3)
for name in ("none", "mirrored"):
    folder = Path(sys.argv[1]) / name
    folder.mkdir()
    strategy = open_strategy(name)
    print(name, strategy.replicas)
    train(Run.create(folder, recipe, settings), settings.training_data(recipe), quiet=True, strategy=strategy)
"""


@pytest.mark.slow
def test_two_devices_train_what_one_does(tmp_path: Path) -> None:
    result = subprocess.run([sys.executable, "-c", _MIRRORED, str(tmp_path)], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["none", "1", "mirrored", "2"]
    one, two = (Run.open(tmp_path / name) for name in ("none", "mirrored"))
    for key in ("loss", "accuracy", "val_loss", "val_accuracy", "learning_rate"):
        assert [row[key] for row in two.history] == pytest.approx([row[key] for row in one.history], rel=0.01), key
    weights = [load_model(run.model_path, compile=False).get_weights() for run in (one, two)]
    for first, second in zip(*weights, strict=True):
        np.testing.assert_allclose(first, second, atol=1e-3)


def start_workers(words: list[str], folder: Path) -> list[subprocess.Popen[str]]:
    """The same command in two processes on loopback."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    addresses = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
    for each in sockets:
        each.close()
    processes = []
    for index in range(2):
        place = {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}}
        environment = {**os.environ, "TF_CONFIG": json.dumps(place), "TMPDIR": str(folder)}
        processes.append(
            subprocess.Popen(
                [sys.executable, "-m", "edgeemo", "train", *words, "--strategy", "multiworker"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=environment,
            )
        )
    return processes


def finished(processes: list[subprocess.Popen[str]]) -> list[tuple[str, str]]:
    """(stdout, stderr) of every process; none stays when one has failed."""
    try:
        said = [process.communicate(timeout=400) for process in processes]
    finally:
        for process in processes:
            process.kill()
    for process, (_, error) in zip(processes, said, strict=True):
        assert process.returncode == 0, error
    return said


@pytest.mark.slow
def test_two_processes_train_one_model(fer_with_votes: tuple[Path, Path], tmp_path: Path) -> None:
    data, votes = fer_with_votes
    run = tmp_path / "run"
    words = ["demo", "--data", str(data), "--out", str(run), "--ferplus", str(votes), "--ferplus-mode", "head"]
    for override in (
        *("input.height=24", "input.width=24", "architecture.stem=[4,4]", "architecture.widths=[4]"),
        *("architecture.strides=[1]", "data.validation=0.2", "schedule.batch=16"),
        *("optimizer.ema=0.9", "augmentation.mixup=0.2", "loss.ferplus_head=0.4"),
        "phase=[{epochs=1, learning_rate=0.05}, {epochs=1, learning_rate=0.01, frozen=true}]",
    ):
        words += ["--set", override]
    (out, first), (nothing, second) = finished(start_workers(words, tmp_path))
    digests = [re.findall(r"worker \d of 2 ends with the weights (\w{16})", said) for said in (first, second)]
    assert digests[0] == digests[1] == [weights_digest(load_model(run / "model.keras", compile=False))[:16]]
    # The chief alone writes, shows progress and tells the result.
    assert out.startswith(f"{run}: validation accuracy")
    assert nothing == ""
    assert "epoch 2/2" in first
    assert "epoch" not in second
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    # An epoch more: both continue from the chief's checkpoint.
    recipe = Run.open(run).recipe
    longer = replace(recipe, phase=(recipe.phase[0], replace(recipe.phase[1], epochs=2)))
    (run / "recipe.toml").write_text(longer.to_toml())
    (_, first), (_, second) = finished(start_workers(["--resume", str(run)], tmp_path))
    assert first.splitlines()[-1].split()[-1] == second.splitlines()[-1].split()[-1]
    assert [row["epoch"] for row in Run.open(run).history] == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
