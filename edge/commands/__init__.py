"""The commands that this room owns; ``cli`` imports them lazily, one module a command."""
