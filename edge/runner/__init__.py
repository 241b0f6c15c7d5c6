"""The loop from frames to labels, and its systemd watchdog."""
