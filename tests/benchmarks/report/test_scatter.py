from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edgeemo.benchmarks.record import BenchmarkRecord, DataAccuracy
from edgeemo.benchmarks.report.cost import LATENCY, SIZE, Cost, costs_of
from edgeemo.benchmarks.report.scatter import pareto_front, plot_records
from edgeemo.edge.common.errors import EdgeemoError, MissingExtraError

from ...conftest import raises
from ..samples import sample

pytest.importorskip("matplotlib")


def rated(name: str, p50: float, correct: int, quantization: str = "int8") -> BenchmarkRecord:
    accuracy = DataAccuracy(correct, 1000, "faces", "test", "")
    return sample(name=name, p50_ms=p50, p90_ms=1.1 * p50, accuracy=accuracy, quantization=quantization)


MANY = [
    rated("slow", 30.0, 700, "float32"),
    rated("middle", 2.0, 650),
    rated("twin of middle", 2.02, 651, "qat"),
    rated("fast", 0.2, 600),
    rated("beaten", 3.0, 610),
]


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1.0, 5.0)], [0]),
        ([(2.0, 6.0), (1.0, 5.0)], [1, 0]),
        ([(1.0, 5.0), (2.0, 5.0)], [0]),
        ([(1.0, 5.0), (1.0, 6.0)], [1]),
        ([(3.0, 7.0), (2.0, 8.0), (1.0, 1.0)], [2, 1]),
    ],
)
def test_pareto_front(points: list[tuple[float, float]], front: list[int]) -> None:
    assert pareto_front(points) == front


@pytest.mark.parametrize("suffix", [".png", ".svg"])
@pytest.mark.parametrize("with_accuracy", [True, False])
def test_the_suffix_chooses_the_format(tmp_path: Path, suffix: str, with_accuracy: bool) -> None:
    records = MANY if with_accuracy else [sample(name=r.name, accuracy=None) for r in MANY]
    path = tmp_path / f"plot{suffix}"
    plot_records(records, path)
    start = path.read_bytes()[:1000]
    assert start.startswith(b"\x89PNG") if suffix == ".png" else b"<svg" in start
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def drawn(
    records: list[BenchmarkRecord], monkeypatch: pytest.MonkeyPatch, path: Path, *, cost: Cost = LATENCY
) -> tuple[object, object]:
    """The figure and axes of a plot, caught when it is saved."""
    from matplotlib.figure import Figure

    caught: list[Figure] = []
    save = Figure.savefig
    monkeypatch.setattr(Figure, "savefig", lambda self, *a, **k: (caught.append(self), save(self, *a, **k)))
    plot_records(records, path, cost=cost)
    # Saved with more dots per inch: where everything lies is asked of the figure's own.
    caught[0].draw_without_rendering()
    return caught[0], caught[0].axes[0]


def test_labels_cover_neither_each_other_nor_a_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.text import Text

    figure, axes = drawn(MANY, monkeypatch, tmp_path / "plot.png")
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    texts = {text.get_text(): Text.get_window_extent(text, renderer) for text in axes.texts}  # type: ignore[attr-defined]
    assert set(texts) == {record.name for record in MANY}
    boxes = list(texts.values())
    points = axes.transData.transform([(r.p50_ms, r.accuracy.correct / 10) for r in MANY])  # type: ignore[attr-defined,union-attr]
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
        assert not any(box.contains(x, y) for x, y in points)


def test_no_leader_hides_in_the_bar_of_its_own_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.text import Text

    # Nets of one shape stand above one another, all at one rim.
    columns = [(f"somebody-s-network.{k}-int8", 85, 620 + 10 * k) for k in range(3)]
    columns += [(f"somebody-s-network.{k}-float32", 238, 622 + 7 * k) for k in range(3)]
    columns += [("ours", 82.8, 652), ("ours-qat", 83.6, 651), ("another-package", 93, 638), ("third", 303, 637)]
    records = [rated(*one) for one in [*columns, ("far", 10_000, 700)]]
    figure, axes = drawn(records, monkeypatch, tmp_path / "plot.png")
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    points = axes.transData.transform([(r.p50_ms, r.accuracy.correct / 10) for r in records])  # type: ignore[attr-defined,union-attr]
    notes = {note.get_text(): note for note in axes.texts}  # type: ignore[attr-defined]
    for record, own in zip(records, points, strict=True):
        box = Text.get_window_extent(notes[record.name], renderer)
        above_or_below = box.x0 <= own[0] <= box.x1
        # What stands there must stand right there.
        assert not above_or_below or min(abs(box.y0 - own[1]), abs(box.y1 - own[1])) < 25, record.name


@pytest.mark.parametrize(("slowest", "scale"), [(1.9, "linear"), (2.1, "log")])
def test_a_wide_range_is_logarithmic(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slowest: float, scale: str
) -> None:
    records = [rated("fast", 0.2, 600), rated("slow", slowest, 700)]
    _, axes = drawn(records, monkeypatch, tmp_path / "plot.png")
    assert axes.get_xscale() == scale  # type: ignore[attr-defined]


def test_nothing_to_plot(tmp_path: Path) -> None:
    with raises(EdgeemoError, problem="nothing to plot"):
        plot_records([sample(p50_ms=None)], tmp_path / "plot.png")
    assert not list(tmp_path.iterdir())


def test_the_title_names_every_runtime_and_number_of_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    records = [sample(name="a"), sample(name="b", threads=2), sample(name="c", runtime="tflite-runtime")]
    _, axes = drawn(records, monkeypatch, tmp_path / "plot.png")
    first = axes.get_title().splitlines()[0]  # type: ignore[attr-defined]
    assert first == "Raspberry Pi 5, 4 cores; ai-edge-litert 2.3.0 and tflite-runtime 2.3.0, 1 thread and 2 threads"


def test_size_can_be_the_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # What has no accuracy is left out.
    records = [*MANY[:2], sample(name="unrated", accuracy=None)]
    _, axes = drawn(records, monkeypatch, tmp_path / "plot.png", cost=SIZE)
    assert axes.get_xlabel() == "size of the file (KB)"  # type: ignore[attr-defined]
    assert {text.get_text() for text in axes.texts} == {"slow", "middle"}  # type: ignore[attr-defined]


@pytest.mark.parametrize(("cost", "hollow"), [(LATENCY, ["white"]), (SIZE, [])])
def test_unreliable_latencies_leave_sizes_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cost: Cost, hollow: list[str]
) -> None:
    records = [MANY[0], replace(MANY[1], reasons=("too hot",))]
    figure, axes = drawn(records, monkeypatch, tmp_path / "plot.png", cost=cost)
    faces = [line.get_markerfacecolor() for line in axes.lines if line.get_marker() == "o"]  # type: ignore[attr-defined]
    assert [face for face in faces if face == "white"] == hollow
    (legend,) = figure.legends  # type: ignore[attr-defined]
    assert ("unreliable" in [text.get_text() for text in legend.get_texts()]) == bool(hollow)


def test_a_cost_without_accuracies_cannot_be_drawn(tmp_path: Path) -> None:
    with raises(EdgeemoError, problem="nothing to plot$", expected="^a record with size of the file"):
        plot_records([sample(accuracy=None)], tmp_path / "plot.png", cost=SIZE)


def test_costs_are_what_the_records_tell() -> None:
    assert [cost.name for cost in costs_of([sample()])] == ["latency", "size", "macs"]
    assert [cost.name for cost in costs_of([sample(macs=None, p50_ms=None)])] == ["size"]
    assert [cost.of(sample()) for cost in costs_of([sample()])] == pytest.approx([0.159, 301.106, 22.109744])


@dataclass(frozen=True)
class Count:
    """The part of a count of instructions that a plot reads."""

    processor: str
    invoke: int


def test_instructions_are_a_cost_on_every_processor_on_which_they_were_counted() -> None:
    record = sample()
    object.__setattr__(record, "instructions", (Count("Cortex-A72", 7_360_000), Count("Cortex-A76", 2_960_000)))
    costs = costs_of([sample(), record])[3:]
    assert [cost.name for cost in costs] == ["instructions-cortex-a72", "instructions-cortex-a76"]
    assert [cost.of(record) for cost in costs] == pytest.approx([7.36, 2.96])


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_same_plot_has_the_same_few_bytes(tmp_path: Path, suffix: str) -> None:
    for name in ("a", "b"):
        plot_records(MANY[:2], tmp_path / f"{name}{suffix}")
    first, second = ((tmp_path / f"{name}{suffix}").read_bytes() for name in ("a", "b"))
    assert first == second
    assert len(first) < 40_000
    # Text in an SVG stays text.
    assert suffix == ".png" or b">slow</text>" in first


def test_an_unknown_suffix(tmp_path: Path) -> None:
    with raises(EdgeemoError, expected="^.png or .svg", got="^'.bmp'"):
        plot_records(MANY, tmp_path / "plot.bmp")


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with raises(MissingExtraError, hint=r"edgeemo\[evaluate\]"):
        plot_records(MANY, tmp_path / "plot.png")
