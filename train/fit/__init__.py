"""The training loop: phases, schedule, callbacks, averaging, distribution and run folders."""
