"""How fast the program is, and how near to what the machine allows: ``python -m benchmarks --help``."""
