"""The state of a fake server: its settings, and the records of what it was asked for."""
