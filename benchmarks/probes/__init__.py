"""Metrics of the benchmark: one module measures a metric and shows it in the tables."""

from .probe import COST, SUMMARY, Column, Probe, Run, Section

__all__ = ["COST", "SUMMARY", "Column", "Probe", "Run", "Section"]
