"""The state of a fake server: its settings, records and received requests."""
