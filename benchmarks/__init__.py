"""Benchmarks: stages measured side by side in one run, as ratios to a floor. `make bench`, or `python -m benchmarks`."""
