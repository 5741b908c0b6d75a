"""Metadata inside picture files: every format taken apart, and put together with other keywords."""
