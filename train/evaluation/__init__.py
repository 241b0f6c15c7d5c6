"""Evaluation of a model: metrics, ranking, calibration, mistakes, plots and the report. Nothing of TensorFlow."""
