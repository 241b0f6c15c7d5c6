"""Hardware, software and state of this machine: read, never changed."""
