"""Commands of this package; ``cli`` imports them lazily, one module per command."""
