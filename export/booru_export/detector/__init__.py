"""The head detector: its samples, its loss, its run."""
