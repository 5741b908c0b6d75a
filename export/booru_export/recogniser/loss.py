"""What the recogniser is asked for.

Characters are learned with a margin on the cosine (Wang et al., "CosFace", 2018). Beside the characters'
prototypes stand those of made-up people (characters with other hair and eye colours) and one level that means
"somebody else", which strangers in posters must reach: the net learns who is *not* known together with who
is.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812

from booru_export.nets import FaceNet
from booru_export.recogniser.samples import UNLABELLED, Batch


def identity_logits(net: FaceNet, embedding: Tensor, scale: float) -> Tensor:
    """Scaled cosines to all prototypes, and the stranger's level last: ``(N, characters + extra + 1)``."""
    cosine = net.cosines(embedding)
    stranger = net.stranger.expand(cosine.shape[0], 1)
    return torch.cat([cosine, stranger], 1) * scale


def recogniser_loss(
    net: FaceNet, batch: Batch, *, scale: float, margin: float, colour_weight: float
) -> dict[str, Tensor]:
    """The parts of the loss by name; their sum is what is minimised."""
    embedding, hair, eyes = net(batch.images)
    logits = identity_logits(net, embedding, scale)
    named = batch.character != UNLABELLED
    wanted = batch.character[named]
    held_back = F.one_hot(wanted, logits.shape[1]).to(logits.dtype) * (margin * scale)
    return {
        "character": F.cross_entropy(logits[named] - held_back, wanted),
        "hair": colour_weight * _colour_loss(hair, batch.hair, batch.colour_weight),
        "eyes": colour_weight * _colour_loss(eyes, batch.eyes, batch.colour_weight),
    }


def _colour_loss(logits: Tensor, wanted: Tensor, weight: Tensor) -> Tensor:
    losses = F.cross_entropy(logits, wanted, ignore_index=UNLABELLED, reduction="none")
    counted = weight * (wanted != UNLABELLED)
    return (losses * counted).sum() / counted.sum().clamp(min=1.0)
