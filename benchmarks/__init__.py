"""Benchmarks of dify_async and similar libraries. Run one with `python -m benchmarks.decode`."""
