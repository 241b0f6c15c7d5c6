"""The file of a model."""

from __future__ import annotations

from .probe import Column, Probe

PROBE = Probe(
    columns=(
        Column("quantization", lambda record: record.quantization),
        Column("KB", lambda record: f"{record.bytes / 1000:,.0f}"),
    )
)
