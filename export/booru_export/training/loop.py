"""The training loop that every network shares: schedule, moving average, checkpoints, progress, curves."""

from __future__ import annotations

import csv
import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from booru_export.training import distributed
from booru_export.training.checkpoint import CHECKPOINT, read_checkpoint, write_checkpoint
from booru_export.training.curves import draw_curves
from booru_export.training.muon import Muon
from booru_export.training.recipe import Schedule
from booru_tagger.errors import DataError

SAVE_SECONDS = 240.0


class TrainingTask(Protocol):
    """What the loop asks of a kind of training."""

    net: nn.Module

    def losses(self, size: int, step: int) -> dict[str, Tensor]:
        """Parts of the loss on a fresh batch of pictures of side ``size``; their sum is minimised.

        ``step`` counts from the start of the run, across interruptions.
        """

    def evaluate(self, net: nn.Module) -> dict[str, float]:
        """Figures on the validation part; ``net`` holds the averaged weights."""

    def describe(self) -> dict[str, Any]:
        """What a checkpoint must hold beside the weights, so that it can be exported alone."""


@dataclass(slots=True)
class TrainingProgress:
    """How far a run is. ``minutes`` of it, where set, end the schedule before its steps do."""

    step: int = 0
    seconds: float = 0.0

    def share(self, schedule: Schedule, minutes: float | None) -> float:
        """0 at the start, 1 at the end."""
        by_step = self.step / schedule.steps
        return min(1.0, by_step if minutes is None else max(by_step, self.seconds / (60 * minutes)))


class Average:
    """An exponential moving average of a net's weights and statistics."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        self.decay = decay
        self.state = {name: value.detach().clone() for name, value in net.state_dict().items()}

    @torch.no_grad()
    def update(self, net: nn.Module, step: int) -> None:
        decay = min(self.decay, (1 + step) / (10 + step))
        kept, fresh = [], []
        for name, value in net.state_dict().items():
            if value.dtype.is_floating_point:
                kept.append(self.state[name])
                fresh.append(value.detach())
            else:
                self.state[name].copy_(value)
        torch._foreach_lerp_(kept, fresh, 1 - decay)  # one call: an accelerator would wait for hundreds


def rate_at(schedule: Schedule, share: float) -> float:
    """Learning rate at ``share`` of the run: linear warm-up, then half a cosine."""
    if share < schedule.warmup:
        return schedule.rate * max(share / schedule.warmup, 1e-3)
    along = (share - schedule.warmup) / (1 - schedule.warmup)
    low = schedule.final_rate
    return schedule.rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * along)))


def run(
    task: TrainingTask,
    schedule: Schedule,
    folder: Path,
    *,
    minutes: float | None = None,
    resume: bool = False,
    before: Mapping[str, Any] | None = None,
    say: Callable[[str], None] = print,
) -> Path:
    """Train until the schedule ends; returns the checkpoint's path.

    ``folder`` receives ``last.ckpt`` every few minutes (written whole, then renamed), ``metrics.csv`` and
    ``curves.png``. With ``minutes`` the schedule follows the clock, so that a run of bounded length still
    ends with a small learning rate. With ``resume`` the run goes on from ``last.ckpt``. ``before`` tells
    where the weights come from that the run begins with; the checkpoint keeps it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / CHECKPOINT
    task.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = Optimisers(task.net, schedule)
    distributed.same_start(task.net)
    average = Average(task.net, schedule.ema)
    progress, history = TrainingProgress(), dict(before or {})
    if resume:
        progress, history = _restore(checkpoint, task.net, optimiser, average, history)
        say(f"going on from step {progress.step} after {progress.seconds / 60:.0f} min")
    log = Log(folder / "metrics.csv", resume or not distributed.is_first())
    started, saved = time.monotonic() - progress.seconds, time.monotonic()
    place = next(task.net.parameters()).device
    while (share := distributed.agreed(progress.share(schedule, minutes), place)) < 1:
        optimiser.set_rate(rate_at(schedule, share))
        size = schedule.size_at(share)
        parts = _step(task, optimiser, size, progress.step)
        average.update(task.net, progress.step)
        progress.step += 1
        progress.seconds = time.monotonic() - started
        log.add(parts)
        if not distributed.is_first():
            continue
        if progress.step % 20 == 0:
            left = progress.seconds * (1 - share) / max(share, 1e-6) / 60
            rate = 20 * schedule.batch * distributed.size() / max(log.lap(), 1e-6)
            say(
                f"step {progress.step} {share:6.1%} {size} px {log.recent()} "
                f"{rate:.0f}/s, {left:.0f} min left"
            )
        if progress.step % schedule.evaluate_every == 0:
            log.write(progress, size, _evaluate(task, average), say)
            draw_curves(folder / "metrics.csv", folder / "curves.png")
        if time.monotonic() - saved > SAVE_SECONDS:
            _save(checkpoint, task, optimiser, average, progress, schedule, history)
            saved = time.monotonic()
    if not distributed.is_first():
        return checkpoint
    log.write(progress, schedule.sizes[-1], _evaluate(task, average), say)
    draw_curves(folder / "metrics.csv", folder / "curves.png")
    _save(checkpoint, task, optimiser, average, progress, schedule, history)
    return checkpoint


class Optimisers:
    """AdamW with weight decay for matrices and kernels, none for biases and norms; or Muon for the kernels.

    Prototypes stay with AdamW: they are a table of directions, not a map.
    """

    def __init__(self, net: nn.Module, schedule: Schedule) -> None:
        kernels = [value for value in net.parameters() if value.ndim > 1]
        vectors = [value for value in net.parameters() if value.ndim <= 1]
        turned = [value for value in kernels if value.ndim == 4] if schedule.optimiser == "muon" else []
        chosen = {id(value) for value in turned}
        groups: list[dict[str, Any]] = [
            {"params": [value for value in kernels if id(value) not in chosen]},
            {"params": vectors, "weight_decay": 0.0},
        ]
        decay = schedule.weight_decay
        self.parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(groups, lr=schedule.rate, weight_decay=decay, fused=True)
        ]
        if turned:
            self.parts.append(Muon(turned, lr=schedule.rate, weight_decay=decay))

    def set_rate(self, rate: float) -> None:
        for part in self.parts:
            for group in part.param_groups:
                group["lr"] = rate

    def zero_grad(self) -> None:
        for part in self.parts:
            part.zero_grad(set_to_none=True)

    def step(self) -> None:
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        return {str(number): part.state_dict() for number, part in enumerate(self.parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        for number, part in enumerate(self.parts):
            part.load_state_dict(state[str(number)])


def _step(task: TrainingTask, optimiser: Optimisers, size: int, step: int) -> dict[str, float]:
    task.net.train()
    parts = task.losses(size, step)
    total = torch.stack(list(parts.values())).sum()
    if not torch.isfinite(total):
        raise DataError(f"the loss is {total.item()}: lower the learning rate in the recipe")
    optimiser.zero_grad()
    total.backward()  # type: ignore[no-untyped-call]
    distributed.average_gradients(task.net)
    nn.utils.clip_grad_norm_(task.net.parameters(), 5.0)
    optimiser.step()
    return {name: float(value.detach()) for name, value in parts.items()}


def _evaluate(task: TrainingTask, average: Average) -> dict[str, float]:
    own = {name: value.clone() for name, value in task.net.state_dict().items()}
    task.net.load_state_dict(average.state)
    task.net.eval()
    with torch.inference_mode():
        figures = task.evaluate(task.net)
    task.net.load_state_dict(own)
    return figures


class Log:
    """Running means of the losses, and the CSV of what was measured."""

    def __init__(self, path: Path, append: bool) -> None:
        self.path = path
        self.means: dict[str, float] = {}
        self.clock = time.monotonic()
        if not append:
            path.unlink(missing_ok=True)

    def add(self, parts: dict[str, float]) -> None:
        for name, value in parts.items():
            self.means[name] = 0.95 * self.means.get(name, value) + 0.05 * value

    def lap(self) -> float:
        before, self.clock = self.clock, time.monotonic()
        return self.clock - before

    def recent(self) -> str:
        return " ".join(f"{name} {value:.3f}" for name, value in self.means.items())

    def write(
        self, progress: TrainingProgress, size: int, figures: dict[str, float], say: Callable[[str], None]
    ) -> None:
        row: dict[str, float] = {"step": progress.step, "minutes": progress.seconds / 60, "size": size}
        row |= {f"loss_{name}": value for name, value in self.means.items()} | figures
        new = not self.path.exists()
        with self.path.open("a", encoding="utf-8", newline="") as handle:
            writer = csv.DictWriter(handle, row)
            if new:
                writer.writeheader()
            writer.writerow({name: round(value, 5) for name, value in row.items()})
        say("  " + " ".join(f"{name}={value:.4f}" for name, value in figures.items()))


def _save(
    path: Path,
    task: TrainingTask,
    optimiser: Optimisers,
    average: Average,
    progress: TrainingProgress,
    schedule: Schedule,
    before: dict[str, Any],
) -> None:
    state = {
        "net": task.net.state_dict(),
        "average": average.state,
        "optimiser": optimiser.state_dict(),
        "progress": dataclasses.asdict(progress),
        "schedule": dataclasses.asdict(schedule),
        "torch_random": torch.get_rng_state(),
        "before": before,
        **task.describe(),
    }
    write_checkpoint(path, state)


def _restore(
    path: Path,
    net: nn.Module,
    optimiser: Optimisers,
    average: Average,
    before: dict[str, Any],
) -> tuple[TrainingProgress, dict[str, Any]]:
    """How far the run was, and where its first weights came from."""
    state = read_checkpoint(path)
    net.load_state_dict(state["net"])
    optimiser.load_state_dict(state["optimiser"])
    average.state = {name: value.to(average.state[name].device) for name, value in state["average"].items()}
    torch.set_rng_state(state["torch_random"])
    return TrainingProgress(**state["progress"]), state.get("before") or before
