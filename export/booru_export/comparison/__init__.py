"""Other methods, trained and judged on the same pictures."""
