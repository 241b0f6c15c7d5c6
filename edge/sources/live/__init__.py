"""Cameras read on a thread of their own, with deadlines and reconnection."""
