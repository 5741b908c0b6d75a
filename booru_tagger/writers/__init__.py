"""Output formats, one file each: sidecars, lists and metadata inside pictures."""
