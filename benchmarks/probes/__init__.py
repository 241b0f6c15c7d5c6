"""Metrics of the benchmark: one module measures a metric and shows it in the tables."""

from .probe import COST, SUMMARY, BenchmarkRun, Column, Probe, Section

__all__ = ["COST", "SUMMARY", "BenchmarkRun", "Column", "Probe", "Section"]
