"""How embeddings are turned, so that they also tell apart people whom the net was not trained on."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

AXIS_SHARE = 0.25
"""How much of the direction from strangers to known faces is taken out of embeddings: being known is no
likeness. More makes strangers more like each other, less makes known faces more like whoever is enrolled
(``python -m benchmarks experiment whitening``)."""
SHRINKAGE = 0.1
"""What is added to the variance of one character's faces in every direction, as a share of the mean: some
hundred faces say little of most directions."""


def whitening(
    known: Tensor,
    people: Tensor,
    strangers: Tensor,
    *,
    axis_share: float = AXIS_SHARE,
    shrinkage: float | None = SHRINKAGE,
) -> tuple[Tensor, Tensor]:
    """An origin ``(D,)`` and a matrix ``(D, D)``: embeddings less the one, times the other.

    Of unit embeddings of ``known`` faces ``(N, D)``, whose ``people`` ``(N,)`` are numbered, and of
    ``strangers`` ``(M, D)``. Training draws strangers into one direction; seen from there, they differ. Where
    faces of one character differ much, it says little that two faces do: such directions are shrunk, as in
    Hatch et al., "Within-class covariance normalization for SVM-based speaker recognition" (2006). Without
    ``shrinkage`` they are not.
    """
    origin = strangers.mean(0) if len(strangers) else torch.zeros(known.shape[1])
    means = torch.stack([known[people == number].mean(0) for number in set(people.tolist())])
    axis = functional.normalize(means.mean(0) - origin, dim=0)
    turn = torch.eye(known.shape[1], dtype=torch.float64) - axis_share * torch.outer(axis, axis).double()
    if shrinkage is not None:
        turn = turn @ _shrinking(known.double(), people, shrinkage)
    return origin, turn.float()


def _shrinking(known: Tensor, people: Tensor, shrinkage: float) -> Tensor:
    """The matrix after which faces of one character differ alike in all directions, of mean size 1."""
    numbers = people.tolist()
    means = {number: known[people == number].mean(0) for number in set(numbers)}
    spread = known - torch.stack([means[number] for number in numbers])
    variance = spread.T @ spread / len(spread)
    size = float(variance.trace()) / len(variance)
    if size <= 0:  # one face of each character
        return torch.eye(len(variance), dtype=torch.float64)
    variance = variance / size + shrinkage * torch.eye(len(variance), dtype=torch.float64)
    shrinking: Tensor = torch.linalg.inv(torch.linalg.cholesky(variance)).T
    return shrinking
