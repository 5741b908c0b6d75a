"""Data sets: reading, collecting, importing, splitting and counting pictures."""
