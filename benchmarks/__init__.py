"""What the server promises, measured: `python -m benchmarks`. README.md says how."""
