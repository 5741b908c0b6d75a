"""Training curves as a picture."""

from __future__ import annotations

import csv
from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

PANEL = (4.2, 2.4)
"""Size of a panel in hundreds of pixels."""


def draw_curves(table: Path, picture: Path) -> None:
    """Draw each column of ``metrics.csv`` over the minutes: losses in one panel, each figure in its own."""
    with table.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "minutes", "size")]
    panels = [[name for name in names if name.startswith("loss_")]]
    panels += [[name] for name in names if not name.startswith("loss_")]
    columns = min(3, len(panels))
    lines = -(-len(panels) // columns)
    with rc_context({"font.size": 8}):
        figure = Figure((PANEL[0] * columns, PANEL[1] * lines), dpi=100, layout="constrained")
        for number, panel in enumerate(panels, 1):
            axes = figure.add_subplot(lines, columns, number, xlabel="minutes")
            for name in panel:
                points = [row for row in rows if row[name]]
                minutes = [float(row["minutes"]) for row in points]
                axes.plot(minutes, [float(row[name]) for row in points], label=name.removeprefix("loss_"))
            if panel:
                axes.legend()
            axes.grid(alpha=0.3)
        figure.savefig(picture)
