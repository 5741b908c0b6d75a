"""The face recogniser: its samples, its loss, its run."""
