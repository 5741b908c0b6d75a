"""What becomes of the memory that a picture leaves, where the C library is glibc."""

from __future__ import annotations

import contextlib
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""What glibc's ``mallopt`` calls them, in its ``malloc.h``."""
_KEPT = 128 * 1024 * 1024
_LARGE = 32 * 1024 * 1024
"""The most that glibc takes; Pillow asks for 16 MB at once."""


def keep_freed_memory() -> None:
    """Have this process keep memory that was freed for the next picture.

    Up to ``_KEPT`` bytes of its first thread's; of each other's up to 64 MB, in which glibc divides it.

    As it comes, glibc gives the pixels of a large picture back to the system, which then has to clear as many
    pages for the next one: for a WebP of 3 megapixels, of which libwebp and Pillow make four copies, a sixth
    of the time that the whole picture takes. What is larger than ``_LARGE`` still goes back at once.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes  # 3 ms that numpy has paid where there are pictures

    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_TRIM_THRESHOLD, _KEPT)
        mallopt(_MMAP_THRESHOLD, _LARGE)
