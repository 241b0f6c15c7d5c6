"""The commands that this package owns; ``cli`` imports them lazily, one module a command."""
