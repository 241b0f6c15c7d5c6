"""The report of an evaluation: plots, and one page that carries them and every figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...edge.common.files import write_json, write_text
from ...edge.common.html import Page
from ...edge.common.proportion import Accuracy
from ...edge.model.card import ModelCard
from ..datasets.dataset import Dataset
from .calibration_error import Reliability, reliability
from .card_figures import accuracy_figure
from .curves import Ranking, rank
from .metrics import Evaluation, evaluate
from .mistakes import Mistake, most_confident
from .plots import plot_confusion, plot_history, plot_mistakes, plot_precision_recall, plot_reliability, plot_roc


@dataclass(frozen=True)
class Report:
    """Everything that is known about one model on one data set.

    Args:
        model: where it was opened from.
        card: its card.
        dataset: what it was asked.
        split: split of the data set, or part by its own name.
        evaluation: accuracy, confusion and per-class figures.
        ranking: ROC and precision-recall.
        reliability: confidence against accuracy.
        mistakes: the most confident ones.
        history: epochs of the run, when the model is one.
    """

    model: str
    card: ModelCard
    dataset: Dataset
    split: str
    evaluation: Evaluation
    ranking: Ranking
    reliability: Reliability
    mistakes: tuple[Mistake, ...]
    history: Sequence[dict[str, float]] = ()

    @classmethod
    def of(
        cls,
        model: str,
        card: ModelCard,
        dataset: Dataset,
        probabilities: np.ndarray,
        *,
        split: str,
        history: Sequence[dict[str, float]] = (),
    ) -> Report:
        """Compute every figure.

        Args:
            model: where it was opened from.
            card: its card.
            dataset: what it was asked.
            probabilities: float (n, labels), its answers in the data set's order.
            split: split of the data set, or part by its own name.
            history: epochs of the run.

        Raises:
            EdgeemoError: a probability is not a number.
        """
        labels, targets = card.labels, dataset.relabeled(card.labels).targets
        return cls(
            model=model,
            card=card,
            dataset=dataset,
            split=split,
            # First: it refuses what is not a number.
            ranking=rank(targets, probabilities, labels),
            evaluation=evaluate(targets, probabilities, labels),
            reliability=reliability(targets, probabilities),
            mistakes=most_confident(dataset, probabilities, labels),
            history=history,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a dict for JSON."""
        return {
            "model": self.model,
            "data": self.dataset.name,
            "split": self.split,
            "content_hash": self.dataset.content_hash,
            **self.evaluation.to_dict(),
            **self.ranking.to_dict(),
            "calibration": self.reliability.to_dict(),
            "mistakes": [mistake.to_dict() for mistake in self.mistakes],
        }

    def figure(self, *, runtime: str, command: str) -> dict[str, Any]:
        """Return what a card keeps of it; see :func:`card_figures.accuracy_figure`."""
        return accuracy_figure(
            self.dataset,
            self.split,
            self.evaluation.accuracy,
            self.evaluation.recalls,
            macro_f1=self.evaluation.macro_f1,
            calibration_error=self.reliability.error,
            command=command,
            runtime=runtime,
        )

    def __str__(self) -> str:
        lines = [f"{self.model} on {self.dataset.name}, split {self.split}", "", self.evaluation.table(), ""]
        if absent := self.evaluation.absent:
            lines.append(f"no images of {', '.join(absent)}: 0 in the macro averages above")
        lines += [
            str(self.ranking),
            f"calibration error {self.reliability.error:.3f} ({len(self.reliability.bins)} bins)",
        ]
        return "\n".join((*lines, f"accuracy {self.evaluation.accuracy} (95 % CI)"))

    def write(self, folder: Path) -> None:
        """Write ``metrics.json``, the plots and ``report.html`` into a folder, each file whole or not at all."""
        write_json(folder / "metrics.json", self.to_dict())
        title = f"{self.card.name} on {self.dataset.name}, {self.split}"
        page = Page(f"Evaluation of {title}")
        self._summary(page)
        self._confusion(page, folder, title)
        self._ranking(page, folder, title)
        self._reliability(page, folder, title)
        self._mistakes(page, folder, title)
        self._training(page, folder)
        page.heading("Use")
        page.paragraph(self.card.intended_use)
        write_text(folder / "report.html", page.render())

    def _summary(self, page: Page) -> None:
        evaluation, origin = self.evaluation, self.card.provenance
        if self.card.notes:
            page.paragraph(self.card.notes, note=True)
        page.table(
            [
                ["figure", "value"],
                ["accuracy (top-1)", f"{evaluation.accuracy} (95 % CI)"],
                *_recorded(self.card.metrics),
                ["macro F1", f"{evaluation.macro_f1:.3f} (unweighted mean of {len(self.card.labels)} classes)"],
                ["ROC-AUC", self.ranking.summary],
                ["calibration error", f"{self.reliability.error:.3f} ({len(self.reliability.bins)} bins)"],
                ["model", f"{self.model}: {origin.architecture}, {self.card.quantization.method}"],
                ["trained with", f"recipe {origin.recipe} on {origin.dataset}"],
                ["measured on", f"{self.dataset.name}, split {self.split}"],
                ["content hash", self.dataset.content_hash[:16]],
            ]
        )
        for note in self.dataset.notes:
            page.paragraph(note, note=True)
        if self.dataset.bad:
            page.paragraph(f"{len(self.dataset.bad):,} broken images were left out.", note=True)
        page.heading("Classes")
        rows = [["class", "precision", "recall, 95 % CI and n", "F1", "ROC-AUC"]]
        for name, recall in evaluation.recalls.items():
            row = evaluation.report[name]
            curve = self.ranking.roc.get(name)
            area = f"{curve.area:.3f}" if curve else "-"
            # Precision and F1 of a class that is not there say nothing about the model.
            figures = [f"{row[key]:.3f}" if recall.n else "-" for key in ("precision", "f1-score")]
            rows.append([name, figures[0], _share(recall), figures[1], area])
        macro = evaluation.report["macro avg"]
        area = "-" if self.ranking.macro_auc is None or self.ranking.positive else f"{self.ranking.macro_auc:.3f}"
        rows.append(
            [
                "macro average",
                f"{macro['precision']:.3f}",
                f"{macro['recall']:.2%} (mean)",
                f"{macro['f1-score']:.3f}",
                area,
            ]
        )
        page.table(rows)
        if evaluation.absent:
            page.paragraph(
                f"No images of {', '.join(evaluation.absent)}: the macro averages of precision, recall and F1 count "
                "0 for a class that is absent; the macro of ROC-AUC leaves it out.",
                note=True,
            )

    def _confusion(self, page: Page, folder: Path, title: str) -> None:
        page.heading("Confusion matrix")
        for name, normalized, caption in (
            ("confusion.png", False, "Counts. Rows are the true classes."),
            ("confusion_normalized.png", True, "Share of the true class; the diagonal is the recall."),
        ):
            plot_confusion(
                self.evaluation.confusion, self.card.labels, folder / name, title=title, normalized=normalized
            )
            page.image(folder / name, f"{caption} Accuracy {self.evaluation.accuracy}.")

    def _ranking(self, page: Page, folder: Path, title: str) -> None:
        page.heading("ROC")
        page.paragraph(f"{self.ranking}.")
        if self.ranking.roc:
            plot_roc(self.ranking, folder / "roc.png", title=title)
            caption = f"{self.ranking.positive} against the other" if self.ranking.positive else "Each against the rest"
            page.image(folder / "roc.png", f"{caption}, at every threshold.")
        if curve := self.ranking.precision_recall:
            page.heading("Precision and recall")
            plot_precision_recall(curve, folder / "precision_recall.png", title=f"{title}: {self.ranking.positive}")
            page.image(folder / "precision_recall.png", f"{self.ranking.positive} is the positive class.")

    def _reliability(self, page: Page, folder: Path, title: str) -> None:
        page.heading("Calibration")
        error, gap = self.reliability.error, self.reliability.overconfidence
        sense = "over" if gap > 0 else "under"
        page.paragraph(
            f"Expected calibration error {error:.3f} ({len(self.reliability.bins)} bins); on average the model is "
            f"{abs(gap):.3f} {sense}confident. Few images make the error look larger than it is."
        )
        plot_reliability(self.reliability, folder / "reliability.png", title=f"{title}: ECE {error:.3f}")
        page.image(folder / "reliability.png", "Under the dotted line the model promises more than it keeps.")
        rows = [["confidence", "mean", "accuracy, 95 % CI and n"]]
        for item in self.reliability.filled:
            rows.append([f"{item.low:.3f} to {item.high:.3f}", f"{item.confidence:.3f}", _share(item.accuracy)])
        page.table(rows)

    def _mistakes(self, page: Page, folder: Path, title: str) -> None:
        page.heading("Most confident mistakes")
        if not self.mistakes:
            page.paragraph("There are none.")
            return
        images = self.dataset.take(mistake.index for mistake in self.mistakes).pixels(self.card.input)
        plot_mistakes(images, self.mistakes, folder / "mistakes.png", title=title)
        wrong = self.evaluation.accuracy.n - self.evaluation.accuracy.correct
        caption = f"The {len(self.mistakes)} surest of {wrong:,} wrong answers, as the model saw them."
        page.image(folder / "mistakes.png", caption)
        rows = [["true", "predicted", "probability", "of the true label", "image"]]
        for item in self.mistakes:
            shares = f"{item.probability:.2%}", f"{item.truth_probability:.2%}"
            rows.append([item.truth, item.predicted, *shares, item.key])
        page.table(rows)

    def _training(self, page: Page, folder: Path) -> None:
        if not self.history:
            return
        page.heading("Training")
        plot_history(self.history, folder / "curves.png", title=self.card.name)
        page.image(folder / "curves.png", f"Loss and accuracy over {len(self.history)} epochs.")


def _recorded(metrics: Mapping[str, Any]) -> list[list[str]]:
    """Accuracies that the card has from before, each with its n and interval."""
    rows = []
    for name, figure in metrics.items():
        if isinstance(figure, dict) and {"correct", "n"} <= set(figure):
            rows.append([f"on the card: {name}", str(Accuracy(figure["correct"], figure["n"]))])
    return rows


def _share(accuracy: Accuracy) -> str:
    return str(accuracy) if accuracy.n else "no images"
