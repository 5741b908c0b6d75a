"""What the recogniser is asked for.

Characters are learned with a margin on the cosine (Wang et al., "CosFace", 2018). Beside the characters'
prototypes stand those of made-up people (characters with other hair and eye colors) and one level that means
"somebody else", which strangers in posters must reach: the net learns who is *not* known together with who
is.
"""

from __future__ import annotations

from typing import TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from booru_export.recogniser.samples import UNLABELLED, Batch
from booru_export.training.nets import FaceNet

Answer: TypeAlias = tuple[Tensor, Tensor, Tensor]
"""Embeddings, logits of hair, logits of eyes: what a :class:`FaceNet` says of a batch."""

SOFTNESS = 2.0
"""Temperature at which a net learns from another, as a factor on the logits' spread."""


def identity_logits(net: FaceNet, embedding: Tensor, scale: float) -> Tensor:
    """Scaled cosines to all prototypes, and the stranger's level last: ``(N, characters + extra + 1)``."""
    cosine = net.cosines(embedding)
    stranger = net.stranger.expand(cosine.shape[0], 1)
    return torch.cat([cosine, stranger], 1) * scale


def recogniser_loss(
    net: FaceNet, answer: Answer, batch: Batch, *, scale: float, margin: float, color_weight: float
) -> dict[str, Tensor]:
    """The parts of the loss by name for the net's ``answer`` to the batch; their sum is what is minimised."""
    embedding, hair, eyes = (part.float() for part in answer)
    logits = identity_logits(net, embedding, scale)
    named = batch.character != UNLABELLED
    wanted = batch.character[named]
    held_back = F.one_hot(wanted, logits.shape[1]).to(logits.dtype) * (margin * scale)
    return {
        "character": F.cross_entropy(logits[named] - held_back, wanted),
        "hair": color_weight * _color_loss(hair, batch.hair, batch.color_weight),
        "eyes": color_weight * _color_loss(eyes, batch.eyes, batch.color_weight),
    }


def teaching_loss(net: FaceNet, answer: Answer, teacher: FaceNet, taught: Answer, scale: float) -> Tensor:
    """How far a net's opinions are from its teacher's on the same pictures, whoever they show.

    Kullback-Leibler divergence of softened probabilities (Hinton et al., "Distilling the knowledge in a
    neural network", 2015); teacher and pupil see the same crop, over a long run (Beyer et al., "Knowledge
    distillation: a good teacher is patient and consistent", 2021).
    """
    own = (identity_logits(net, answer[0].float(), scale), answer[1].float(), answer[2].float())
    wanted = (identity_logits(teacher, taught[0].float(), scale), taught[1].float(), taught[2].float())
    parts = [
        F.kl_div(
            (mine / SOFTNESS).log_softmax(1),
            (theirs / SOFTNESS).log_softmax(1),
            reduction="batchmean",
            log_target=True,
        )
        for mine, theirs in zip(own, wanted, strict=True)
    ]
    return torch.stack(parts).sum() * SOFTNESS**2


def _color_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    losses = F.cross_entropy(logits, wanted, ignore_index=UNLABELLED, reduction="none")
    counted = weight * (wanted != UNLABELLED)
    return (losses * counted).sum() / counted.sum().clamp(min=1.0)
