"""Benchmarks of dify_async and similar libraries. Run them all with `python -m benchmarks.run`."""
