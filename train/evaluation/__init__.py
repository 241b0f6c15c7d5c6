"""How good a model is: metrics, ranking, calibration, mistakes, plots and the report. Nothing of TensorFlow."""
