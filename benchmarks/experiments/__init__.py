"""What decided something once, to be measured again: ``python -m benchmarks experiment``."""
