"""Progress of an epoch: a bar on a terminal, one plain line per epoch in a pipe. Always on standard error."""

from __future__ import annotations

import sys
import time

import click


class Progress:
    """Shows how far a training is.

    Args:
        epochs: planned in all.
        steps: per epoch.
        what: word before the epoch number.
        quiet: show nothing.
    """

    def __init__(self, epochs: int, steps: int, *, what: str = "epoch", quiet: bool = False) -> None:
        self.epochs, self.steps, self.what, self.quiet = epochs, steps, what, quiet
        self.on_terminal = sys.stderr.isatty() and not quiet
        self._shown = 0.0

    def step(self, epoch: int, step: int, loss: float, accuracy: float) -> None:
        """After a step (both counted from 0). Redraws ten times a second at most."""
        now = time.monotonic()
        if not self.on_terminal or (now - self._shown < 0.1 and step + 1 < self.steps):
            return
        self._shown = now
        done = (step + 1) / self.steps
        bar = "#" * round(24 * done)
        text = (
            f"{self.what} {epoch + 1}/{self.epochs} [{bar:<24}] {done:4.0%}  loss {loss:.4f}  accuracy {accuracy:.2%}"
        )
        click.echo(f"\r\033[K{text}", nl=False, err=True)

    def epoch(self, epoch: int, row: dict[str, float], note: str = "") -> None:
        """After an epoch (counted from 0) with its figures."""
        if self.quiet:
            return
        text = (
            f"{self.what} {epoch + 1}/{self.epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
            f"val_loss {row['val_loss']:.4f}  val_accuracy {row['val_accuracy']:.2%}  "
            f"lr {row['learning_rate']:.2g}  {row['seconds']:.0f} s{note}"
        )
        click.echo(("\r\033[K" if self.on_terminal else "") + text, err=True)
