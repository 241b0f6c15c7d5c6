"""Percentiles, histograms, bootstrap intervals and trends of measured times."""
