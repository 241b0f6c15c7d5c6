"""Training in Python, with the names of the command line's options."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

from ..edge.common.errors import OptionError
from ..edge.common.extras import needing_extras
from ..edge.common.files import new_folder
from ..edge.common.keywords import check_names
from .datasets.selection import Choice
from .fit.options import TrainOptions, check_free, check_trainable

if TYPE_CHECKING:
    from .fit.run import Run

    PathLike = str | os.PathLike[str]

_CHOICE = {"classes", "angles", "ferplus", "ferplus_mode"}
_OPTIONS = {
    *("overrides", "weights", "epochs", "limit", "teacher", "seed", "exclude", "drop_leaks", "skip_bad"),
    *_CHOICE,
}


def train(
    recipe: PathLike | None = None,
    *,
    data: PathLike | None = None,
    out: PathLike | None = None,
    resume: PathLike | None = None,
    quiet: bool = True,
    **options: Any,
) -> Run:
    """Train a model by a recipe, as ``edgeemo train`` does.

    Args:
        recipe: name of a recipe of the package, or path of a .toml file.
        data: folder, zip or fer2013.csv with a train split; or ``"synthetic"``.
        out: new folder for the run.
        resume: run that was stopped, instead of all others.
        quiet: show no progress.
        **options: ``overrides`` (``["schedule.epochs=3"]``), ``weights``, ``epochs``, ``limit``, ``teacher``, ``seed``,
            ``exclude``, ``drop_leaks``, ``skip_bad``, ``classes``, ``angles``, ``ferplus`` and ``ferplus_mode``, as on
            the command line.

    Returns:
        The finished run: its folder, card, history and model.

    Raises:
        EdgeemoError: the recipe, the data or an option cannot be used, or training diverged.
    """
    check_names(options, _OPTIONS)
    if (resume is not None) == all(value is not None for value in (recipe, data, out)):
        raise OptionError("a run is new or resumed", expected="recipe, data and out, or resume alone")
    if resume is not None and (recipe is not None or data is not None or out is not None or options):
        raise OptionError("a resumed run takes everything from its folder", expected="resume alone")
    with needing_extras():
        from .fit.loop import train as train_run
        from .fit.run import Run

        if resume is not None:
            run = Run.open(os.fspath(resume))
            train_run(run, run.settings.training_data(run.recipe), quiet=quiet)
            return run
        assert recipe is not None
        assert data is not None
        assert out is not None
        choice = {name: options.pop(name) for name in _CHOICE if name in options}
        if choice.get("ferplus"):
            choice["ferplus"] = os.path.abspath(choice["ferplus"])
        if "angles" in choice:
            choice["angles"] = tuple(choice["angles"])
        for name in ("overrides", "exclude"):
            options[name] = tuple(os.fspath(value) for value in options.get(name, ()))
        for name in ("weights", "teacher"):
            options[name] = os.fspath(options[name]) if options.get(name) else None
        asked = TrainOptions(os.fspath(recipe), os.fspath(data), choice=Choice(**choice), **options)
        resolved, settings = asked.resolve()
        check_free(os.fspath(out))
        splits = settings.training_data(resolved)
        for sentence in check_trainable(resolved, settings, splits):
            warnings.warn(sentence, RuntimeWarning, stacklevel=2)
        run = Run.create(new_folder(os.fspath(out), force=None), resolved, settings)
        train_run(run, splits, quiet=quiet)
        return run
