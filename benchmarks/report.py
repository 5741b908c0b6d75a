"""What was measured: rows for a person, JSON for a program, and the machine that it holds for."""

from __future__ import annotations

import dataclasses
import json
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from booru_tagger.models.store.local import open_bundle
from booru_tagger.parallel import available_cores


@dataclass(frozen=True, slots=True)
class Workload:
    """How much to measure. ``counts`` are numbers of small pictures, the second of them the reference."""

    pictures: int
    repeats: int
    counts: tuple[int, ...]
    rival_pictures: int
    rivals_python: Path | None = None

    def with_python(self, python: Path) -> Workload:
        return dataclasses.replace(self, rivals_python=python)


@dataclass(slots=True)
class FigureTable:
    """Figures as they come. ``wanted`` is the goal for a figure, where there is one."""

    machine: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def add(self, name: str, value: float, unit: str, *, wanted: str = "", note: str = "") -> None:
        row = {"name": name, "value": round(value, 4), "unit": unit, "wanted": wanted, "note": note}
        self.rows.append(row)
        goal = f"  (wanted: {wanted})" if wanted else ""
        click.echo(f"{name:58} {value:10.2f} {unit:12}{goal}{'  ' + note if note else ''}")

    def value(self, name: str) -> float | None:
        """The figure of that name, if it was measured before."""
        found = [row["value"] for row in self.rows if row["name"] == name]
        return float(found[-1]) if found else None

    def save(self, path: Path) -> None:
        path.write_text(json.dumps({"machine": self.machine, "figures": self.rows}, indent=1) + "\n", "utf-8")


def machine(model: str) -> dict[str, Any]:
    """What the figures depend on, as far as it does not tell whose machine it is."""
    import onnxruntime
    import PIL

    bundle = open_bundle(model)
    return {
        "cores": available_cores(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "pillow": PIL.__version__,
        "model": f"{bundle.name} {bundle.version} ({bundle.fingerprint})",
        "sides": list(bundle.detector.sides) if bundle.detector else [],
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
