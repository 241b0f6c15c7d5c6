"""The child process that holds one model while it is measured, and the parent's side of the pipe."""
