"""Executed instructions of a model on emulated processors: a cost that does not depend on how busy a machine is."""
