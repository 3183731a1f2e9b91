"""The experiments of `scripts/bench.py`."""
