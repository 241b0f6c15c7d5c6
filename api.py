"""Quantization, validation and benchmarks in Python, with the names of the command line's options.

Each function loads what it needs when it is called; an extra that is not installed is a
:class:`~edgeemo.edge.common.errors.MissingExtraError`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .edge.common.errors import DataError, GateError, OptionError
from .edge.common.extras import needing_extras
from .edge.common.keywords import check_names

if TYPE_CHECKING:
    from .benchmarks.record import BenchmarkRecord
    from .optimize.options import QuantizeOptions
    from .optimize.quantize import Quantized
    from .optimize.validation.validation import Validation
    from .train.datasets.dataset import Dataset

    PathLike = str | os.PathLike[str]

_QAT = {"qat_epochs": "epochs", "qat_steps": "steps", "qat_skip": "skip", "overrides": "overrides"}
_CALIBRATION = ("calibration_size", "calibration_method", "rounding")
_QUANTIZE = {
    *("card", "seed", "per_tensor", "distill", "mixed_precision", "mixed_precision_in"),
    *_CALIBRATION,
    *_QAT,
}
_CHOICE = {"classes", "angles", "skip_bad"}


def quantize(
    model: PathLike,
    *,
    method: str = "int8",
    data: PathLike | None = None,
    out: PathLike | None = None,
    max_drop: float | None = None,
    force: bool = False,
    quiet: bool = True,
    **options: Any,
) -> Quantized:
    """Quantize a trained model, as ``edgeemo quantize`` does.

    Args:
        model: run folder, a .keras or .h5 file, a SavedModel folder, or a float .tflite.
        method: quantization method.
        data: faces of the kind the model was trained on; only the training split is used. A run knows its own.
        out: .tflite to write; by default NAME-METHOD.tflite beside the model.
        max_drop: accuracy in percentage points that may be lost on the validation split, at the upper 95 % bound.
        force: overwrite the file.
        quiet: show no progress.
        **options: ``calibration_size``, ``calibration_method``, ``rounding``, ``per_tensor``, ``qat_epochs``,
            ``qat_steps``, ``qat_skip``, ``distill``, ``overrides``, ``card``, ``seed``, ``mixed_precision`` and
            ``mixed_precision_in``, as on the command line.

    Returns:
        The model's path and card, and its change of accuracy where there were data.

    Raises:
        GateError: more than ``max_drop`` is lost; the file is there.
        EdgeemoError: the model, the data or an option cannot be used.
    """
    with needing_extras():
        from .edge.common.files import new_file
        from .edge.model.describe import Description
        from .optimize.commands.quantize_options import GateOptions
        from .optimize.data_splits import model_splits
        from .optimize.float_model import open_float_model
        from .optimize.methods import METHODS
        from .optimize.quantize import advice, default_path, quantize_mixed_precision
        from .optimize.quantize import quantize as quantize_model

        check_names(options, _QUANTIZE)
        gate = GateOptions(
            max_drop, options.get("mixed_precision", False), options.get("mixed_precision_in", "float32")
        )
        gate.check(method)
        settings = _quantize_options(options)
        METHODS.load(method).check(settings)
        description = Description(card=os.fspath(options.get("card", "")))
        float_model = open_float_model(os.fspath(model), description, seed=options.get("seed", 0))
        target = new_file(default_path(float_model, method) if out is None else os.fspath(out), force=force)
        splits = model_splits(float_model, None if data is None else os.fspath(data))
        if max_drop is not None and splits is None:
            raise DataError("the gate needs faces to measure with", hint="give them as data")
        result, mixed = quantize_model(float_model, method, target, settings, data=splits, quiet=quiet), None
        if max_drop is None or splits is None or result.compared.passes(max_drop):
            return result
        if gate.mixed_precision:
            result, mixed = quantize_mixed_precision(
                float_model,
                METHODS.load(method),
                target,
                settings,
                data=splits,
                max_drop=max_drop,
                kept_in=gate.mixed_precision_in,
                quiet=quiet,
            )
            if result.compared.passes(max_drop):
                return result
        raise GateError(
            "gate failed: more accuracy may be lost than is allowed",
            expected=f"at most {max_drop:g} points",
            got=f"up to {result.compared.worst_loss:.2f} points",
            hint=advice(float_model, result, mixed, max_drop, splits),
        )


def _quantize_options(given: Mapping[str, Any]) -> QuantizeOptions:
    from .optimize.options import QuantizeOptions
    from .optimize.qat.options import Distillation, QatOptions

    qat = QatOptions(
        **{field: given[name] for name, field in _QAT.items() if name in given},
        distillation=Distillation() if given.get("distill") else None,
    )
    return QuantizeOptions(
        **{name: given[name] for name in _CALIBRATION if name in given},
        per_channel=not given.get("per_tensor", False),
        qat=qat,
    )


def validate(
    reference: PathLike,
    candidate: PathLike,
    *,
    data: PathLike,
    split: str = "test",
    limit: int | None = None,
    max_drop: float = 1.0,
    max_class_drop: float | None = None,
    runtime: str = "auto",
    **choice: Any,
) -> Validation:
    """Compare the accuracy of two models on the same images, as ``edgeemo validate`` does.

    Args:
        reference: run folder or .tflite.
        candidate: run folder or .tflite that should have kept the accuracy.
        data: data set to measure on.
        split: split of it, or part by its name.
        limit: largest number of images, drawn stratified by class.
        max_drop: accuracy in percentage points that may be lost, at the upper 95 % bound.
        max_class_drop: recall that any class may lose; None for no limit.
        runtime: TFLite runtime.
        **choice: ``classes``, ``angles`` and ``skip_bad``, as on the command line.

    Returns:
        The change of accuracy and whether the gate passed; a gate that fails is no error here.

    Raises:
        EdgeemoError: a model or the data cannot be used, or they do not fit together.
    """
    with needing_extras():
        from .optimize.validation.gate import Gate
        from .optimize.validation.validation import validate as compare
        from .train.evaluation.card_figures import place
        from .train.evaluation.predictor import open_predictor

        gate = Gate(max_drop, max_class_drop)
        check_names(choice, _CHOICE)
        first, second = (open_predictor(os.fspath(path), runtime=runtime) for path in (reference, candidate))
        dataset = _evaluation_set(data, split, limit, choice, [first.card, second.card])
        about = {"reference": os.fspath(reference), "candidate": os.fspath(candidate), **place(dataset, split)}
        return replace(compare(first, second, dataset, gate), about=about)


def benchmark(
    models: Sequence[PathLike],
    *,
    data: PathLike | None = None,
    split: str = "test",
    limit: int | None = None,
    quiet: bool = True,
    **options: Any,
) -> list[BenchmarkRecord]:
    """Measure latency, memory and accuracy of models side by side, as ``edgeemo benchmark`` does.

    Args:
        models: .tflite files or names of models that ship; ratios are to the first.
        data: data set to measure the accuracy on; None for none.
        split: split of it, or part by its name.
        limit: largest number of images, drawn stratified by class.
        quiet: show no progress.
        **options: ``runtimes``, ``threads`` and ``delegates`` (sequences), ``queries``, ``seconds``, ``sustained``,
            ``ceiling``, ``card``, ``classes``, ``angles``, ``skip_bad``, and the options of probes, such as
            ``offline=True``, as on the command line.

    Returns:
        One record for each model, runtime, number of threads and delegate.

    Raises:
        EdgeemoError: a model, the data, a delegate or an option cannot be used.
    """
    with needing_extras():
        from .benchmarks.options import BenchmarkOptions
        from .benchmarks.probes.registry import probe_options
        from .benchmarks.suite import benchmark as measure
        from .edge.common.console import Progress
        from .edge.common.files import existing
        from .edge.inference.delegate import DelegateSpec
        from .edge.model.card import read_card, read_card_file
        from .edge.model.zoo import find_model

        plain = {"runtimes", "threads", "queries", "seconds", "sustained", "ceiling"}
        probes = {str(option.name) for option in probe_options()}
        check_names(options, plain | probes | _CHOICE | {"delegates", "card"})
        paths = [existing(find_model(os.fspath(model)), "a .tflite model") for model in models]
        card = read_card_file(options["card"]) if options.get("card") else None
        choice = {name: options[name] for name in _CHOICE if name in options}
        if data is None and (limit is not None or choice):
            raise OptionError("limit, classes and angles need data")
        dataset = None
        if data is not None:
            cards = [found for found in (read_card(path) or card for path in paths) if found]
            dataset = _evaluation_set(data, split, limit, choice, cards)
        settings = BenchmarkOptions(
            delegates=[
                None if name in (None, "none") else DelegateSpec.parse(name, ())
                for name in options.get("delegates", (None,))
            ],
            data=dataset,
            card=card,
            probe_options={name: options[name] for name in probes if name in options},
            **{name: options[name] for name in plain if name in options},
        )
        with Progress(quiet=quiet) as progress:
            return measure(paths, settings, progress=progress.update)


def _evaluation_set(
    data: PathLike, split: str, limit: int | None, choice: dict[str, Any], cards: Iterable[Any]
) -> Dataset:
    from .train.datasets.registry import read_evaluation_set
    from .train.datasets.selection import Choice
    from .train.datasets.splits import holdout_of

    return read_evaluation_set(
        os.fspath(data),
        split,
        limit=limit,
        skip_bad=choice.get("skip_bad", False),
        choice=Choice(classes=choice.get("classes", ""), angles=tuple(choice.get("angles", ()))),
        holdout=holdout_of(cards),
    )
