"""Weights that a run begins with: those of an earlier run, or of a bundle whose run is long gone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from booru_export.onnx_weights import widen_weights
from booru_export.training.checkpoint import history_of, read_checkpoint, training_of, write_checkpoint
from booru_export.training.loop import TrainingTask
from booru_export.training.nets import FaceNet
from booru_tagger.errors import DataError
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.identity import Identity

SETTLING_BATCHES, BLENDING_BATCHES = 8, 16
"""Batches that the statistics of norms are taken from."""
BLENDED = "blended.ckpt"
_OF_GRAPH = "net."
"""What the export puts before the names of a net's weights."""
_OF_PAIR = ("net.first.", "net.second.")
"""The same where two nets answer as one (:class:`~.pair.FacePair`)."""
_DIRECTIONS = "directions"
"""What the export calls the prototypes, made unit vectors; older bundles have them as learned."""
_NOT_EXPORTED = ("stranger", "prototypes")
"""Weights that are not in the graph: they begin anew, or are found elsewhere."""

State = dict[str, Tensor]


def start_from(task: TrainingTask, source: Path, size: int) -> dict[str, Any]:
    """Give a task's fresh net the averaged weights of a checkpoint, or those of a bundle's folder.

    Returns what there is to say of them (:func:`booru_export.training.checkpoint.history_of`).

    Characters that both know keep their prototypes, the others' are learned. A bundle's norms were folded
    into its weights, and are unfolded on a few batches of pictures of side ``size``. Raises
    :class:`DataError` where the weights are those of another net than the task's.
    """
    own = task.describe()
    if source.is_dir():
        bundle = Bundle.load(source)
        part = bundle.detector if own["kind"] == "detector" else bundle.recogniser
        if part is None:
            raise DataError(f"{source}: has no {own['kind']} to begin with")
        labels: Sequence[str] = [label.tag for label in bundle.labels]
        state = unfolded(task.net, onnx.load(source / part.file), str(source / part.file))
        identity = Identity.of(bundle) if part is bundle.recogniser else None
        if identity is not None:
            state["prototypes"] = torch.from_numpy(identity.people.learned)
            labels = labels[: len(state["prototypes"])]
        before = history_of(f"{bundle.name} {bundle.version}", bundle.training.get(own["kind"], {}))
    else:
        saved = read_checkpoint(source)
        state, labels = saved["average"], saved.get("labels", ())
        before = history_of(source.name, training_of(saved))
    if "prototypes" in state and isinstance(task.net, FaceNet):
        state = {**state, "prototypes": _prototypes(task.net, state["prototypes"], labels, own["labels"])}
    try:
        task.net.load_state_dict(state)
    except RuntimeError as error:
        raise DataError(f"{source}: its net is not the recipe's: {error}") from error
    if source.is_dir():
        settle_norms(task, size)
    return before


def unfolded(net: nn.Module, model: onnx.ModelProto, where: str) -> State:
    """The weights of an exported net, of half size or in 8 bits perhaps, as a state for ``net``.

    Norms become the identity and a shift: see :func:`settle_norms`. Of a pair, that net is taken whose
    weights fit. Raises :class:`DataError` naming ``where`` and the weight that is missing.
    """
    weights = _own(net, _weights(model))
    state = {name: value.clone() for name, value in net.state_dict().items()}
    wanted = {name for name, _ in net.named_parameters() if name not in _NOT_EXPORTED}
    for kernel, norm in _normed(net):
        state[f"{norm}.weight"].fill_(1.0)
        state[f"{norm}.running_mean"].zero_()
        state[f"{norm}.running_var"].fill_(1.0)
        wanted -= {f"{norm}.weight", f"{norm}.bias"}
        folded = f"{kernel}.weight_bias"
        _take(state, f"{norm}.bias", weights, folded if folded in weights else f"{kernel}.bias", where)
    for name in sorted(wanted):
        _take(state, name, weights, name, where)
    if "prototypes" in weights:
        _take(state, "prototypes", weights, "prototypes", where)
    return state


def _take(state: State, name: str, weights: Mapping[str, Tensor], source: str, where: str) -> None:
    found = weights.get(source)
    if found is None:
        raise DataError(f"{where}: has no weights {source!r}, so it is not the recipe's net")
    state[name] = found


def _own(net: nn.Module, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A graph's weights under the names that they have in ``net``; of a pair, those of the more alike one."""
    shapes = {name: value.shape for name, value in net.named_parameters()}
    sets = [
        {name.removeprefix(prefix): value for name, value in weights.items() if name.startswith(prefix)}
        for prefix in (*_OF_PAIR, _OF_GRAPH)
    ]
    return max(sets, key=lambda own: sum(own[name].shape == shapes[name] for name in own.keys() & shapes))


def _normed(net: nn.Module) -> Iterator[tuple[str, str]]:
    """Names of the layers with a norm behind them, and of the norms, which an export folds into them."""
    for name, module in net.named_modules():
        if isinstance(module, nn.Sequential):
            for (kernel, layer), (norm, behind) in pairwise(module.named_children()):
                if isinstance(layer, nn.Conv2d) and isinstance(behind, nn.BatchNorm2d):
                    yield f"{name}.{kernel}", f"{name}.{norm}"
    if isinstance(net, FaceNet):
        yield "embed", "norm"


def _weights(model: onnx.ModelProto) -> dict[str, Tensor]:
    """All weights of a graph by the names that they had in torch, in full precision."""
    graph = widen_weights(model).graph
    arrays = {item.name: torch.from_numpy(numpy_helper.to_array(item).copy()) for item in graph.initializer}
    found = {name: value for name, value in arrays.items() if value.is_floating_point()}
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in arrays:
            values, scale, zero = (arrays[name] for name in node.input)
            along = (-1, *[1] * (values.ndim - 1))  # one scale for each output channel
            name = node.output[0].removesuffix("_DequantizeLinear_Output")
            found[name] = (values.float() - zero.float().view(along)) * scale.view(along)
    if _DIRECTIONS in found:
        found[f"{_OF_GRAPH}prototypes"] = found[_DIRECTIONS].T.contiguous()
    return found


def _prototypes(net: FaceNet, source: Tensor, theirs: Sequence[str], ours: Sequence[str]) -> Tensor:
    """The net's own prototypes, replaced where the source has one of the same character and colors."""
    kept = net.prototypes.detach().clone()
    if source.shape[1] != kept.shape[1]:
        raise DataError(f"embeddings of {source.shape[1]} numbers, but the recipe's have {kept.shape[1]}")
    for number, label in enumerate(ours):
        if label in theirs:
            for copy in range(len(source) // len(theirs)):  # a bundle may have no made-up people
                kept[copy * len(ours) + number] = source[copy * len(theirs) + theirs.index(label)]
    return kept


@torch.no_grad()
def blend(task: TrainingTask, checkpoint: Path, start: State, share: float, size: int) -> Path:
    """Average the weights of a run's end with those it began with; returns the new checkpoint beside it.

    ``share`` is that of the ``start``. What was learned last and what was known before then both count
    (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022). The norms' statistics are taken anew.
    """
    saved = read_checkpoint(checkpoint)
    mixed = {
        name: value.cpu().lerp(start[name].cpu(), share) if value.is_floating_point() else value
        for name, value in saved["average"].items()
    }
    task.net.load_state_dict(mixed)
    norms = _norms(task.net)
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    task.net.train()
    for number in range(BLENDING_BATCHES):
        task.losses(size, -1 - number)
    target = checkpoint.with_name(BLENDED)
    write_checkpoint(target, {**saved, "average": task.net.state_dict(), "blended": share})
    return target


def _norms(net: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    return [module for module in net.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]


@torch.no_grad()
def settle_norms(task: TrainingTask, size: int, batches: int = SETTLING_BATCHES) -> None:
    """Give norms that do nothing the statistics of what passes through them, without changing any answer.

    In training a norm uses those of its batch: one that claims to be the identity would not be it then.
    """
    norms = _norms(task.net)
    sums = {norm: (torch.zeros_like(norm.bias), torch.zeros_like(norm.bias)) for norm in norms}

    def look(norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        values = inputs[0].float()
        values = values.transpose(0, 1).flatten(1)
        means, squares = sums[norm]  # type: ignore[index]
        means += values.mean(1)
        squares += values.square().mean(1)

    hooks = [norm.register_forward_pre_hook(look) for norm in norms]
    task.net.eval()
    for number in range(batches):
        task.losses(size, -1 - number)
    for hook in hooks:
        hook.remove()
    for norm in norms:
        mean, square = (total / batches for total in sums[norm])
        variance = (square - mean.square()).clamp(min=0)
        assert norm.running_mean is not None and norm.running_var is not None
        norm.running_mean.copy_(mean)
        norm.running_var.copy_(variance)
        norm.weight.copy_((variance + norm.eps).sqrt())
        norm.bias.add_(mean)
