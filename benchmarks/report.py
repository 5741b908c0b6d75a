"""What was measured: rows for a person, JSON for a program, and the machine that it holds for."""

from __future__ import annotations

import itertools
import json
import platform
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from booru_tagger.models.store.local import open_bundle
from booru_tagger.parallel import available_cores


@dataclass(frozen=True, slots=True)
class Workload:
    """How much to measure. ``counts`` are numbers of small pictures, the second of them the reference.

    ``library`` is a folder of somebody's pictures, whose sizes and costs are measured one by one.
    """

    pictures: int
    repeats: int
    counts: tuple[int, ...]
    rival_pictures: int
    faces: int
    rivals_python: Path | None = None
    library: Path | None = None


@dataclass(slots=True)
class FigureTable:
    """Figures as they come, each of a ``section``. ``wanted`` is the goal for a figure, where there is one.

    ``pictures`` holds, for each of a library's pictures, what :mod:`benchmarks.library` found.
    """

    machine: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    pictures: list[Sequence[float]] = field(default_factory=list)
    section: str = ""

    @classmethod
    def resumed(cls, path: Path, machine: dict[str, Any], again: Collection[str]) -> FigureTable:
        """With what a file has of the same machine, model and day, but for the sections ``again``."""
        table = cls(machine)
        if path.exists():
            content = json.loads(path.read_text("utf-8"))
            if content["machine"] == machine:
                table.rows = [row for row in content["figures"] if row["section"] not in again]
                table.pictures = content["pictures"]
        return table

    def add(self, name: str, value: float, unit: str, *, wanted: str = "", note: str = "") -> None:
        row = {"section": self.section, "name": name, "value": round(value, 4)}
        self.rows.append({**row, "unit": unit, "wanted": wanted, "note": note})
        goal = f"  (wanted: {wanted})" if wanted else ""
        click.echo(f"{name:58} {value:10.2f} {unit:12}{goal}{'  ' + note if note else ''}")

    def value(self, name: str) -> float | None:
        """The figure of that name, if it was measured before."""
        found = [row["value"] for row in self.rows if row["name"] == name]
        return float(found[-1]) if found else None

    def save(self, path: Path) -> None:
        content = {"machine": self.machine, "figures": self.rows, "pictures": self.pictures}
        path.write_text(json.dumps(content, indent=1) + "\n", "utf-8")

    def markdown(self) -> str:
        """A table for each section, and what they hold for."""
        lines = [", ".join(f"{name} {value}" for name, value in self.machine.items())]
        for section, rows in itertools.groupby(self.rows, key=lambda row: row["section"]):
            lines += ["", f"**{section}**", "", "| what | figure | goal |", "| --- | --- | --- |"]
            lines += [_line(row) for row in rows]
        return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any]) -> str:
    note = f" ({row['note']})" if row["note"] else ""
    return f"| {row['name']}{note} | {figure(row['value'])} {row['unit']} | {row['wanted']} |".replace(
        "  ", " "
    )


def figure(value: float) -> str:
    """Three digits: more were never measured."""
    return f"{float(f'{value:.3g}'):,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def machine(model: str) -> dict[str, Any]:
    """What the figures of a bundle depend on."""
    bundle = open_bundle(model)
    return {
        **surroundings(),
        "model": f"{bundle.name} {bundle.version} ({bundle.fingerprint})",
        "sides": list(bundle.detector.sides) if bundle.detector else [],
    }


def surroundings() -> dict[str, Any]:
    """What all figures depend on, as far as it does not tell whose machine it is."""
    import onnxruntime
    import PIL

    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "cores": available_cores(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
