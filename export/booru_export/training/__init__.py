"""The training loop, what it learns with, and the networks."""
