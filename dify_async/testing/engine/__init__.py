"""The engine of a fake server: how runs and answers unfold over time."""
