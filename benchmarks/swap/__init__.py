"""What clients notice of swaps: `python -m benchmarks.swap`."""
