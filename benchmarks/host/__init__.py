"""The state of the measuring machine, and what makes a measurement unreliable."""
