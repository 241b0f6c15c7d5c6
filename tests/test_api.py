"""The public interface: its names, the cost of its import, images of all kinds, cameras, the examples of its pages."""

from __future__ import annotations

import doctest
import gc
import html.parser
import io
import json
import pydoc
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import edgeemo
from edgeemo.cli import edgeemo as command_line
from edgeemo.edge.faces.whole_image import WholeImage

ROOT = Path(__file__).parents[1]
ERRORS = [
    *("CameraError", "DataError", "DelegateError", "DeploymentError", "EdgeemoError", "FileError", "FrameLost"),
    *("GateError", "MissingExtraError", "ModelError", "OptionError", "OutputError", "RecipeError"),
    *("RuntimeUnavailableError", "Stopped"),
]
HEAVY = {"numpy", "cv2", "tensorflow", "click", "PIL", "ai_edge_litert", "tflite_runtime", "rich", "jinja2"}


def test_the_names_are_these() -> None:
    results = ["Analysis", "Box", "Emotions", "Face", "Validation", "Watch", "WatchedFrame"]
    functions = ["benchmark", "load", "quantize", "train", "validate", "watch"]
    assert sorted(edgeemo.__all__) == sorted([*ERRORS, *results, *functions, "__version__"])


@pytest.mark.parametrize("name", edgeemo.__all__)
def test_every_name_is_there_and_documented(name: str) -> None:
    value = getattr(edgeemo, name)
    assert name in dir(edgeemo)
    assert name == "__version__" or value.__doc__


def test_every_error_is_one_of_the_tree() -> None:
    assert all(issubclass(getattr(edgeemo, name), edgeemo.EdgeemoError) for name in ERRORS)
    from edgeemo.edge.common import errors

    tree = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert tree == set(ERRORS)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'lod'"):
        edgeemo.lod  # type: ignore[attr-defined]  # noqa: B018


def test_importing_loads_nothing_heavy() -> None:
    code = f"import sys, edgeemo; print(sorted({HEAVY!r} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_help_reads_like_a_page() -> None:
    page = pydoc.plain(pydoc.render_doc(edgeemo))
    for text in ('emo = edgeemo.load("base")', "load(model", "watch(source", "class Emotions", "class EdgeemoError"):
        assert text in page


@pytest.fixture(scope="module")
def emo(tiny_int8: Path) -> edgeemo.Emotions:
    return edgeemo.load(tiny_int8)


@pytest.fixture(scope="module")
def astronaut() -> np.ndarray:
    """A photograph of a face, public domain, (512, 512, 3) RGB."""
    from skimage.data import astronaut

    return np.asarray(astronaut())


def png(pixels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["path", "text", "bytes", "pil", "bgr"])
def test_a_color_image_of_any_kind_is_the_same(
    kind: str, emo: edgeemo.Emotions, astronaut: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png(astronaut))
    given: dict[str, Any] = {
        "path": path,
        "text": str(path),
        "bytes": path.read_bytes(),
        "pil": Image.fromarray(astronaut),
        "bgr": cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR),
    }
    expected = emo.analyze(astronaut)
    found = emo.analyze(given[kind], color="bgr" if kind == "bgr" else "rgb")
    assert len(expected) == 1
    assert list(found) == list(expected)
    assert np.array_equal(found.image, astronaut)


@pytest.mark.parametrize("kind", ["column", "pil", "bytes"])
def test_a_gray_image_of_any_kind_is_the_same(kind: str, emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    gray = cv2.cvtColor(astronaut, cv2.COLOR_RGB2GRAY)
    given: dict[str, Any] = {"column": gray[..., None], "pil": Image.fromarray(gray), "bytes": png(gray)}
    assert list(emo.analyze(given[kind])) == list(emo.analyze(gray))


def test_a_turned_photograph_is_turned_back(emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(np.rot90(astronaut)).save(stream, "PNG", exif=exif)
    for image in (stream.getvalue(), Image.open(stream)):
        assert list(emo.analyze(image)) == list(emo.analyze(astronaut))


@pytest.mark.parametrize(
    ("image", "got", "hint"),
    [
        pytest.param(np.zeros((48, 48), np.float32), "float32 (48, 48)", "astype(np.uint8)", id="float"),
        pytest.param(np.zeros((48, 48), np.int64), "int64 (48, 48)", "", id="int64"),
        pytest.param(np.zeros((48, 48), bool), "bool (48, 48)", "", id="bool"),
        pytest.param(np.zeros((48, 48, 4), np.uint8), "uint8 (48, 48, 4)", "alpha", id="alpha"),
        pytest.param(np.zeros((48, 48, 2), np.uint8), "uint8 (48, 48, 2)", "", id="two channels"),
        pytest.param(np.zeros((3, 48, 48), np.uint8), "uint8 (3, 48, 48)", "transpose", id="channels first"),
        pytest.param(np.zeros((2, 48, 48, 3), np.uint8), "uint8 (2, 48, 48, 3)", "one image after", id="batch"),
        pytest.param(np.zeros(48, np.uint8), "uint8 (48,)", "", id="row"),
        pytest.param(np.zeros((0, 48), np.uint8), "uint8 (0, 48)", "", id="empty"),
        pytest.param([[1, 2], [3, 4]], "list", "", id="list"),
        pytest.param(None, "NoneType", "", id="nothing"),
        pytest.param(7, "int", "", id="number"),
    ],
)
@pytest.mark.parametrize("method", ["analyze", "classify"])
def test_anything_else_is_one_clear_error(method: str, image: Any, got: str, hint: str, emo: edgeemo.Emotions) -> None:
    with pytest.raises(edgeemo.DataError) as caught:
        getattr(emo, method)(image)
    error = caught.value
    assert (error.problem, error.got) == ("not an image", got)
    assert "uint8 (h, w), (h, w, 1) or (h, w, 3)" in str(error.expected)
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("image", "kind", "problem"),
    [
        pytest.param("absent.png", edgeemo.EdgeemoError, "absent.png is not there", id="absent"),
        pytest.param(b"", edgeemo.DataError, "the image is empty", id="no bytes"),
        pytest.param(b"hello", edgeemo.DataError, "the image is not an image", id="text"),
        pytest.param(Image.new("L", (0, 4)), edgeemo.DataError, "not an image", id="empty PIL image"),
        pytest.param(np.zeros((1, 70_000_001), np.uint8), edgeemo.DataError, "too large", id="too large"),
    ],
)
def test_images_that_cannot_be_decoded(image: Any, kind: type, problem: str, emo: edgeemo.Emotions) -> None:
    with pytest.raises(kind) as caught:
        emo.analyze(image)
    assert problem in caught.value.problem


def test_an_unknown_order_of_colors(emo: edgeemo.Emotions) -> None:
    with pytest.raises(edgeemo.OptionError) as caught:
        emo.analyze(np.zeros((4, 4, 3), np.uint8), color="grb")
    assert (caught.value.expected, caught.value.got) == ("'rgb' or 'bgr'", "'grb'")


def test_a_crop_is_classified_as_a_whole(emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    (face,) = emo.analyze(astronaut)
    crop = face.box.crop(astronaut)
    whole = emo.classify(crop)
    assert whole.box == edgeemo.Box(0, 0, *crop.shape[1::-1])
    assert (whole.label, whole.score, whole.scores) == (face.label, face.score, face.scores)
    assert tuple(whole.scores) == emo.labels


def test_the_result_is_that_of_the_command_line(
    emo: edgeemo.Emotions, astronaut: np.ndarray, tiny_int8: Path, tmp_path: Path
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(png(astronaut))
    done = CliRunner().invoke(command_line, ["predict", str(tiny_int8), str(path), "--json"])
    printed, found = json.loads(done.stdout)["images"][0], emo.analyze(path).to_dict()
    assert printed.pop("ms").keys() == found.pop("ms").keys()
    assert found == printed
    assert found["image"] == str(path)


def test_a_result_is_a_sequence(emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    result = emo.analyze(astronaut)
    assert (len(result), list(result), result[:1]) == (1, [result[0]], (result[0],))
    assert "512x512 pixels" in repr(result)
    assert len(emo.analyze(np.zeros((64, 64), np.uint8))) == 0


class Outline(html.parser.HTMLParser):
    """Tags and text of some HTML; fails on anything from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            assert name not in ("src", "href") or str(value).startswith("data:image/jpeg;base64,")

    def handle_data(self, data: str) -> None:
        self.text += data


def test_a_result_shows_itself_in_a_notebook(emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    outline = Outline()
    outline.feed(emo.analyze(astronaut)._repr_html_())
    assert outline.tags.count("image") == outline.tags.count("rect") == 1
    assert outline.tags.count("tr") == len(emo.labels)
    assert all(label in outline.text for label in emo.labels)
    nobody = Outline()
    nobody.feed(emo.analyze(np.zeros((9, 2000), np.uint8))._repr_html_())
    assert nobody.text == "no face detected"


def test_labels_are_escaped_in_a_notebook(emo: edgeemo.Emotions, astronaut: np.ndarray) -> None:
    import dataclasses

    label = "<script>alert(1)</script>"
    (face,) = result = emo.analyze(astronaut)
    wrong = dataclasses.replace(face, label=label, scores={label: 2.0, '"': float("nan")})
    text = dataclasses.replace(result, faces=(wrong,))._repr_html_()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_a_detector_may_be_chosen(tiny_int8: Path, astronaut: np.ndarray) -> None:
    class Corner(WholeImage):
        name = "corner"

    for detector in ("none", Corner()):
        (face,) = edgeemo.load(tiny_int8, detector=detector).analyze(astronaut)
        assert face.box == edgeemo.Box(0, 0, 512, 512)


@pytest.fixture
def crowd(astronaut: np.ndarray) -> np.ndarray:
    """A face of 58 pixels in a frame of 1920x1080: too small for one look."""
    frame = np.full((1080, 1920, 3), 128, np.uint8)
    frame[500:800, 1200:1500] = cv2.resize(astronaut, (300, 300), interpolation=cv2.INTER_AREA)
    return frame


def test_images_are_searched_thoroughly_unless_said_otherwise(tiny_int8: Path, crowd: np.ndarray) -> None:
    found = {
        search: len(edgeemo.load(tiny_int8, detector="edgeemo", search=search).analyze(crowd))
        for search in (None, "thorough", "fast")
    }
    assert found == {None: 1, "thorough": 1, "fast": 0}


@pytest.mark.parametrize(
    ("name", "search", "faces"),
    [("crowd.avi", None, 0), ("crowd.avi", "thorough", 1), ("crowd.png", None, 1), ("crowd.png", "fast", 0)],
)
def test_a_video_is_searched_fast_and_an_image_thoroughly(
    name: str, search: str | None, faces: int, tiny_int8: Path, crowd: np.ndarray, tmp_path: Path
) -> None:
    if name == "crowd.png":
        cv2.imwrite(str(tmp_path / name), crowd[..., ::-1])
    else:
        writer = cv2.VideoWriter(str(tmp_path / name), cv2.VideoWriter.fourcc(*"MJPG"), 25, (1920, 1080))
        writer.write(np.ascontiguousarray(crowd[..., ::-1]))
        writer.release()
    (frame,) = edgeemo.watch(tmp_path / name, edgeemo.load(tiny_int8, detector="edgeemo", search=search))
    assert len(frame.faces) == faces


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        ({"model": "bass"}, edgeemo.EdgeemoError),
        ({"model": "absent.tflite"}, edgeemo.EdgeemoError),
        ({"detector": "har"}, edgeemo.OptionError),
        ({"search": "deep"}, edgeemo.OptionError),
        ({"search": "deep", "detector": WholeImage()}, edgeemo.OptionError),
        ({"card": "absent.json"}, edgeemo.EdgeemoError),
        ({"runtime": "onnx"}, edgeemo.EdgeemoError),
    ],
    ids=str,
)
def test_what_cannot_be_loaded_is_an_error(arguments: dict[str, Any], kind: type, tiny_int8: Path) -> None:
    with pytest.raises(kind):
        edgeemo.load(**{"model": tiny_int8, **arguments})


def test_a_video_is_watched_and_its_faces_are_tracked(emo: edgeemo.Emotions, clip_avi: Path) -> None:
    frames = list(edgeemo.watch(clip_avi, emo, max_frames=5))
    assert [frame.index for frame in frames] == list(range(5))
    assert [frame.faces[0].track_id for frame in frames] == [None, 1, 1, 1, 1]
    assert frames[1].image.shape == (480, 640, 3)
    assert frames[1].time_s == pytest.approx(1 / 25, abs=0.01)
    assert frames[1].name == str(clip_avi)
    assert "image" in frames[1]._repr_html_()


def test_a_frame_is_a_line_of_the_command_line(emo: edgeemo.Emotions, clip_avi: Path, tiny_int8: Path) -> None:
    arguments = ["run", str(tiny_int8), "--source", str(clip_avi), "--max-frames", "3"]
    lines = [json.loads(line) for line in CliRunner().invoke(command_line, arguments).stdout.splitlines()]
    frames = [frame.to_dict() for frame in edgeemo.watch(clip_avi, emo, max_frames=3)]
    for value in (*lines, *frames):
        assert value.pop("wall") > 0
        assert value.pop("ms")["total"] > 0
    assert frames == lines


class Spy:
    """Counts how often a source is entered and left."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.entered = self.left = 0

    def __enter__(self) -> Any:
        self.entered += 1
        return self._source.__enter__()

    def __exit__(self, *arguments: object) -> None:
        self.left += 1
        self._source.__exit__(*arguments)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._source, name)

    def __iter__(self) -> Any:
        return iter(self._source)


@pytest.fixture
def spied(monkeypatch: pytest.MonkeyPatch) -> list[Spy]:
    """Every source that is opened."""
    from edgeemo.edge import emotions
    from edgeemo.edge.sources import open_source

    found: list[Spy] = []

    def opened(*arguments: Any, **options: Any) -> Spy:
        found.append(Spy(open_source(*arguments, **options)))
        return found[-1]

    monkeypatch.setattr(emotions, "open_source", opened)
    return found


@pytest.mark.parametrize("way", ["to the end", "break", "with", "with, no frame", "close", "stop"])
def test_the_source_is_opened_and_closed_once(
    way: str, emo: edgeemo.Emotions, clip_avi: Path, spied: list[Spy]
) -> None:
    if way == "to the end":
        assert len(list(edgeemo.watch(clip_avi, emo))) == 30
    elif way == "break":
        for _ in edgeemo.watch(clip_avi, emo):
            break
        gc.collect()
    elif way.startswith("with"):
        with edgeemo.watch(clip_avi, emo) as frames:
            assert spied[0].entered == 1
            if way == "with":
                next(frames)
        assert list(frames) == []
    elif way == "close":
        frames = edgeemo.watch(clip_avi, emo)
        next(frames)
        frames.close()
        frames.close()
        assert list(frames) == []
    else:
        frames = edgeemo.watch(clip_avi, emo)
        next(frames)
        thread = threading.Thread(target=frames.stop)
        thread.start()
        thread.join()
        assert len(list(frames)) <= 1
    assert (spied[0].entered, spied[0].left) == (1, 1)


def test_images_are_watched_without_tracking(emo: edgeemo.Emotions, astronaut: np.ndarray, tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(png(astronaut))
    frames = list(edgeemo.watch(tmp_path, emo))
    assert [Path(frame.name).name for frame in frames] == ["a.png", "b.png"]
    assert [[face.track_id for face in frame.faces] for frame in frames] == [[None], [None]]


def test_an_unreadable_image_is_a_warning(emo: edgeemo.Emotions, astronaut: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"hello")
    (tmp_path / "b.png").write_bytes(png(astronaut))
    with pytest.warns(RuntimeWarning, match=r"a\.png is not an image"):
        assert len(list(edgeemo.watch(tmp_path, emo))) == 1


def test_a_source_that_is_not_there_is_an_error_at_once(emo: edgeemo.Emotions) -> None:
    with pytest.raises(edgeemo.EdgeemoError):
        edgeemo.watch("absent.avi", emo)


@pytest.fixture
def examples(astronaut: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with what the examples name: photo.jpg, face.png and clip.avi."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(astronaut).save("photo.jpg", quality=98)
    Image.fromarray(astronaut[64:162, 174:272]).save("face.png")
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter.fourcc(*"MJPG"), 25, (512, 512))
    for _ in range(5):
        writer.write(cv2.cvtColor(astronaut, cv2.COLOR_RGB2BGR))
    writer.release()


@pytest.mark.usefixtures("examples")
@pytest.mark.parametrize("page", ["help(edgeemo)", "docs/api.md"])
def test_the_examples_run(page: str) -> None:
    text = str(edgeemo.__doc__) if page == "help(edgeemo)" else (ROOT / page).read_text(encoding="utf-8")
    # In a page, the end of a block is no part of what is printed.
    text = re.sub(r"^```.*$", "", text, flags=re.MULTILINE)
    test = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
    assert len(test.examples) >= 5
    output = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(test, out=output.write)
    assert runner.summarize(verbose=False).failed == 0, output.getvalue()


SYNTHETIC = "synthetic:train=100,test=70,size=48"


def test_a_model_is_validated_as_on_the_command_line(tiny_float: Path, tiny_int8: Path) -> None:
    found = edgeemo.validate(tiny_float, tiny_int8, data=SYNTHETIC, max_drop=50)
    arguments = ["validate", str(tiny_float), str(tiny_int8), "--data", SYNTHETIC, "--max-drop", "50", "--json"]
    assert found.passed
    assert json.loads(json.dumps(found.to_dict())) == json.loads(CliRunner().invoke(command_line, arguments).stdout)
    assert "gate passed" in str(found)
    assert "<pre>" in found._repr_html_()


def test_a_gate_that_fails_is_no_error(tiny_float: Path, tiny_int8: Path) -> None:
    # 70 faces cannot prove so little.
    assert not edgeemo.validate(tiny_float, tiny_int8, data=SYNTHETIC, max_drop=0.01, limit=35).passed


def test_models_are_benchmarked(tiny_int8: Path) -> None:
    first, second = edgeemo.benchmark([tiny_int8, tiny_int8], queries=10, threads=[1], data=SYNTHETIC, limit=14)
    assert first.accuracy is not None
    assert second.accuracy is not None
    assert first.accuracy.n == second.accuracy.n == 14


def test_a_model_is_trained_and_quantized(tmp_path: Path) -> None:
    pytest.importorskip("tensorflow")
    overrides = ["input.height=24", "input.width=24", "architecture.stem=[4,8]", "architecture.widths=[8,16]"]
    overrides += ["architecture.strides=[1,2]"]
    data = "synthetic:train=140,test=70,size=24"
    run = edgeemo.train("demo", data=data, out=tmp_path / "run", epochs=1, overrides=overrides)
    assert run.card.labels
    made = edgeemo.quantize(run.folder, method="int8", calibration_size=20)
    assert made.path.parent == run.folder
    assert made.card.quantization.method == "int8"
    with pytest.raises(edgeemo.FileError):
        edgeemo.quantize(run.folder, method="int8")
    with pytest.raises(edgeemo.GateError):
        edgeemo.quantize(run.folder, method="int8", force=True, calibration_size=20, max_drop=0.0)
    assert edgeemo.load(made.path).labels == run.card.labels


@pytest.mark.parametrize("first", ["edgeemo.train", "edgeemo.train.datasets.dataset"])
def test_train_is_a_package_and_a_function(first: str) -> None:
    """Whatever is imported first."""
    code = f"import {first}, edgeemo, inspect; from edgeemo.train import datasets; edgeemo.train.datasets.dataset"
    code += "; print(callable(edgeemo.train), list(inspect.signature(edgeemo.train).parameters)[:3])"
    code = code.replace("edgeemo.train.datasets.dataset;", "")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "True ['recipe', 'data', 'out']\n", done.stderr


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        pytest.param(lambda model: edgeemo.train("demo"), "a run is new or resumed", id="no data"),
        pytest.param(lambda model: edgeemo.train(resume="run", epochs=3), "takes everything", id="resumed"),
        pytest.param(
            lambda model: edgeemo.train("demo", data="a", out="b", epoch=3), "unknown option 'epoch'", id="train"
        ),
        pytest.param(lambda model: edgeemo.quantize(model, rouding="gptq"), "unknown option 'rouding'", id="quantize"),
        pytest.param(lambda model: edgeemo.validate(model, model, data="a", clases="b"), "'clases'", id="validate"),
        pytest.param(lambda model: edgeemo.benchmark([model], offlin=True), "'offlin'", id="benchmark"),
        pytest.param(lambda model: edgeemo.benchmark([model], limit=5), "need data", id="limit"),
        pytest.param(lambda model: edgeemo.validate(model, model, data="a", max_drop=-1), "negative", id="negative"),
    ],
)
def test_wrong_options_are_named(call: Any, problem: str, tiny_int8: Path) -> None:
    with pytest.raises(edgeemo.OptionError) as caught:
        call(tiny_int8)
    assert problem in caught.value.problem
