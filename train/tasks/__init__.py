"""What differs between tasks: targets, loss and metrics."""
