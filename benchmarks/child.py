"""Run as a process of its own: the command, and then its memory at its fullest into a file.

    python child.py FILE tag ...

The system's own figure for a child begins with what its parent had, so it has to be asked from within.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def megabytes(process: int | str = "self") -> float:
    """A process's memory at its fullest; of another one's, NaN where the system does not tell."""
    status = Path(f"/proc/{process}/status")
    if status.exists():
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text("ascii"))
        return int(found[1]) * 1024 / 1e6 if found else float("nan")
    if process != "self":
        return float("nan")
    import resource

    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )


if __name__ == "__main__":
    from booru_tagger.cli import main

    code = main(sys.argv[2:])
    Path(sys.argv[1]).write_text(str(megabytes()), "ascii")
    sys.exit(code)
