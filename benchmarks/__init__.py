"""What dify_async costs, next to its peers. Run one with `python -m benchmarks.decode`."""
