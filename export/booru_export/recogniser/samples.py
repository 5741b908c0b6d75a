"""Training batches for the recogniser: face crops, and heads cut from whole illustrations."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from booru_export.data.canon import EYES, HAIR, SHADES, Canon
from booru_export.data.tables import FaceItem, Scene
from booru_export.drawn import FIRST_TRAINING_SEED, draw_scene
from booru_export.training import augment
from booru_export.training.inputs import normalised
from booru_export.training.recipe import RecogniserRecipe
from booru_export.training.streams import Streams, streams_of
from booru_tagger.imaging import Pixels, crop, fit, read_picture, square_around
from booru_tagger.types import Box

STORED = 160
STORED_EXPAND = 1.4
"""Heads of scenes are kept with so much around them, that their crops can be jittered."""
STORED_HEAD = round(STORED * STORED_EXPAND)
STORED_WIDE = 192
"""Side of crops that are wider than their head; most are smaller, for they show thumbnails and sprites."""
BADGED_KINDS = frozenset({"official", "face"})
FACE_ZOOM = (0.62, 1.14)
CLOSE_ZOOM = (0.85, 1.05)
WIDE_SHARE = 0.65
"""Share of batches whose faces are cut at any zoom; the others stay near the crop they came with."""
SMALLEST_HEAD = 22.0
UNLABELLED = -100
"""What PyTorch's losses leave out."""

Labels = npt.NDArray[np.int64]
Range = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Faces:
    """Pictures ``(N, S, S, 3)`` and, for each, the indices of character, hair and eyes, or ``UNLABELLED``.

    ``stranger`` marks people who are none of the characters, ``badged`` pictures with a frame or a badge in
    a corner, perhaps. ``expand`` is the pictures' side as a share of the head's.
    """

    pixels: Pixels
    character: Labels
    hair: Labels
    eyes: Labels
    stranger: npt.NDArray[np.bool_]
    badged: npt.NDArray[np.bool_]
    expand: float = 1.0

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from. ``character`` may also be that of a made-up person or of the stranger."""

    images: Tensor
    character: Tensor
    hair: Tensor
    eyes: Tensor
    color_weight: Tensor


def load_faces(items: Sequence[FaceItem], labels: Sequence[str], canon: dict[str, Canon]) -> list[Faces]:
    """Read labelled crops; hair and eyes are those the character is known for.

    Crops whose head box is known are kept wider than the head, so they come apart from the others, last.
    """
    tight = [item for item in items if item.head is None]
    wide = [item for item in items if item.head is not None]
    return [_faces(part, labels, canon) for part in (tight, wide) if part]


def _faces(items: Sequence[FaceItem], labels: Sequence[str], canon: dict[str, Canon]) -> Faces:
    index = {label: number for number, label in enumerate(labels)}
    looks = [canon.get(item.label, Canon(item.label)) for item in items]
    return Faces(
        np.stack([_stored(item) for item in items]),
        np.asarray([index[item.label] for item in items], dtype=np.int64),
        np.asarray([_index(HAIR, look.hair) for look in looks], dtype=np.int64),
        np.asarray([_index(EYES, look.eyes) for look in looks], dtype=np.int64),
        np.zeros(len(items), dtype=bool),
        np.asarray([item.kind in BADGED_KINDS for item in items], dtype=bool),
        1.0 if items[0].head is None else STORED_EXPAND,
    )


def _stored(item: FaceItem) -> Pixels:
    pixels = read_picture(item.path).pixels
    if item.head is None:
        return fit(pixels, STORED)
    return crop(pixels, square_around(item.head, STORED_EXPAND), STORED_WIDE)


def load_heads(scenes: Sequence[Scene], labels: Sequence[str], *, expand: float = STORED_EXPAND) -> Faces:
    """Cut the heads out of scenes, with the colors seen on them.

    The head of a picture collected for one character, alone in it, is that character; in pictures of none of
    the characters all are strangers; of several heads in a character's picture nobody says which is whose.
    """
    index = {label: number for number, label in enumerate(labels)}
    pixels, character, hair, eyes, stranger = [], [], [], [], []
    for scene in scenes:
        picture = read_picture(scene.path).pixels
        for box, hair_name, eye_name in zip(scene.boxes, scene.hair, scene.eyes, strict=True):
            if box.longer < SMALLEST_HEAD:
                continue
            pixels.append(crop(picture, square_around(box, expand), STORED_HEAD))
            known = scene.label in index
            character.append(index[scene.label] if known and len(scene.boxes) == 1 else UNLABELLED)
            stranger.append(not known)
            hair.append(_index(HAIR, hair_name))
            eyes.append(_index(EYES, eye_name))
    return Faces(
        np.stack(pixels),
        np.asarray(character, dtype=np.int64),
        np.asarray(hair, dtype=np.int64),
        np.asarray(eyes, dtype=np.int64),
        np.asarray(stranger, dtype=bool),
        np.zeros(len(pixels), dtype=bool),
        expand,
    )


def draw_heads(count: int) -> Faces:
    """Heads of ``count`` illustrations drawn by code: strangers, whose colors are exactly known."""
    pixels, hair, eyes = [], [], []
    for number in range(count):
        drawing = draw_scene(FIRST_TRAINING_SEED + number, size=(320, 320))
        picture = np.asarray(drawing.image)
        for head in drawing.heads:
            if head.box.longer >= SMALLEST_HEAD:
                pixels.append(crop(picture, square_around(head.box, STORED_EXPAND), STORED_HEAD))
                hair.append(_index(HAIR, head.hair))
                eyes.append(_index(EYES, head.eyes))
    return Faces(
        np.asarray(pixels, dtype=np.uint8).reshape(-1, STORED_HEAD, STORED_HEAD, 3),
        np.full(len(pixels), UNLABELLED, dtype=np.int64),
        np.asarray(hair, dtype=np.int64),
        np.asarray(eyes, dtype=np.int64),
        np.ones(len(pixels), dtype=bool),
        np.zeros(len(pixels), dtype=bool),
        STORED_EXPAND,
    )


def join(first: Faces, second: Faces) -> Faces:
    """The pictures of both, which must be stored alike."""

    def both(name: str) -> Any:
        return np.concatenate([getattr(first, name), getattr(second, name)])

    arrays = {field.name: both(field.name) for field in dataclasses.fields(Faces) if field.name != "expand"}
    return Faces(**arrays, expand=first.expand)


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else UNLABELLED


class _Pool:
    """Pictures on the device that augments them, and the zoom at which they may be cut."""

    def __init__(self, faces: Faces, device: torch.device) -> None:
        self.faces, self.device = faces, device
        # The pictures live where they are augmented: an accelerator holds them all, and waits for none.
        self.planes = _planes(faces.pixels, device)

    def cut(self, chosen: Labels, size: int, zoom: Range, streams: Streams, any_turn: float) -> Tensor:
        """The chosen pictures as floats from -1 to 1, damaged, turned and cut to ``size``."""
        images = normalised(self.planes[torch.from_numpy(chosen).to(self.device)])
        images = augment.jpeg_some(images, streams.torch)
        expand = self.faces.expand
        return augment.warp(images, size, zoom, streams.torch, expand=expand, any_turn=any_turn)


class Batches:
    """Draws random batches, rare characters more often than their share, by the recipe's ``rarity``.

    ``faces`` are sets of labelled faces, ``heads`` those of whole pictures, named or not. What a batch holds
    depends on the recipe's seed and the number of the step alone, so that a run which goes on sees what an
    undisturbed one would.
    """

    def __init__(
        self,
        recipe: RecogniserRecipe,
        faces: Sequence[Faces],
        heads: Faces,
        characters: int,
        device: torch.device,
    ) -> None:
        self.recipe, self.characters, self.device = recipe, characters, device
        self.pools, self.heads = [_Pool(part, device) for part in faces], _Pool(heads, device)
        self.character = characters_of(faces)
        self.hair = np.concatenate([part.hair for part in faces])
        self.eyes = np.concatenate([part.eyes for part in faces])
        self.badged = torch.from_numpy(np.concatenate([part.badged for part in faces]))
        self.begins = np.cumsum([0, *(len(part) for part in faces)])
        count = Counter(self.character.tolist())
        weight = np.asarray([count[number] ** -recipe.rarity for number in self.character.tolist()])
        self.face_weight = weight / weight.sum()
        telling = (heads.character >= 0) | (heads.hair >= 0) | (heads.eyes >= 0)
        head_weight = np.where(telling, 2.0, 1.0 if recipe.scene_strangers else 0.0)
        self.head_weight = head_weight / max(1.0, head_weight.sum())
        shades = [HAIR.index(name) for name in SHADES] + [UNLABELLED] * recipe.scene_strangers
        self.recolorable = ~np.isin(self.hair, shades)

    def draw(self, size: int, step: int) -> Batch:
        """The batch of a step, of side ``size``; values from -1 to 1."""
        streams = streams_of(self.recipe.schedule.seed, step)
        total = self.recipe.schedule.batch
        head_count = round(total * self.recipe.scene_share) if self.head_weight.any() else 0
        faces = np.sort(streams.numpy.choice(len(self.face_weight), total - head_count, p=self.face_weight))
        heads = np.zeros(0, dtype=np.int64)
        if head_count:
            heads = streams.numpy.choice(len(self.head_weight), head_count, p=self.head_weight)
        zoom = FACE_ZOOM if streams.numpy.random() < WIDE_SHARE else CLOSE_ZOOM
        parts, any_turn = [], self.recipe.any_turn
        for pool, begin, end in zip(self.pools, self.begins[:-1], self.begins[1:], strict=True):
            chosen = faces[(faces >= begin) & (faces < end)] - begin
            if len(chosen):
                parts.append(pool.cut(chosen, size, zoom, streams, any_turn))
        character, turns = self._recolored(faces, streams)
        images = augment.turn_hue(torch.cat(parts), turns, streams.torch)
        images = augment.cover_corners(images, self.badged[faces], streams.torch, self.recipe.corners)
        if head_count:
            images = torch.cat([images, self.heads.cut(heads, size, FACE_ZOOM, streams, any_turn)])
            character = torch.cat([character, self._head_characters(heads)])
        return self._finish(images, faces, heads, character, turns, streams)

    def _finish(
        self,
        images: Tensor,
        faces: Labels,
        heads: Labels,
        character: Tensor,
        turns: Tensor,
        streams: Streams,
    ) -> Batch:
        grey = torch.rand(len(images), generator=streams.torch) < self.recipe.grey
        images = augment.to_grey(augment.light(images, streams.torch), grey)
        images = augment.erase_some(augment.blur_some(images, streams.torch), streams.torch)
        colorless = grey.clone()
        colorless[: len(faces)] |= turns >= 0
        weight = torch.cat([torch.full((len(faces),), self.recipe.canon_weight), torch.ones(len(heads))])
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            character.to(self.device),
            self._labels(self.hair[faces], self.heads.faces.hair[heads]),
            self._labels(self.eyes[faces], self.heads.faces.eyes[heads]),
            torch.where(colorless, torch.zeros(()), weight).to(self.device),
        )

    def _labels(self, faces: Labels, heads: Labels) -> Tensor:
        return torch.from_numpy(np.concatenate([faces, heads])).to(self.device)

    def _recolored(self, faces: Labels, streams: Streams) -> tuple[Tensor, Tensor]:
        """Characters of the faces, and the turn of hue that makes made-up people of some of them."""
        character = self.character[faces].copy()
        chosen = (streams.numpy.random(len(faces)) < self.recipe.recolour) & self.recolorable[faces]
        turn = streams.numpy.integers(0, len(augment.TURNS), len(faces))
        turns = np.where(chosen, turn, -1)
        character = np.where(chosen, self.characters * (1 + turn) + character, character)
        return torch.from_numpy(character), torch.from_numpy(turns)

    def _head_characters(self, heads: Labels) -> Tensor:
        source = self.heads.faces
        nobody = self.characters * (1 + len(augment.TURNS)) if self.recipe.scene_strangers else UNLABELLED
        return torch.from_numpy(np.where(source.stranger[heads], nobody, source.character[heads]))


def _planes(pixels: Pixels, device: torch.device) -> Tensor:
    """Pictures ``(N, S, S, 3)`` as bytes ``(N, 3, S, S)`` on a device."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous()


def whole(sources: Sequence[Faces], size: int, expand: float = 1.0) -> Tensor:
    """All pictures, not augmented, cut to ``expand`` times the head: bytes ``(N, size, size, 3)``."""
    return torch.from_numpy(np.concatenate([_cuts(source, size, expand) for source in sources]))


def _cuts(source: Faces, size: int, expand: float) -> Pixels:
    side = source.pixels.shape[1]
    margin = side * (1 - expand / source.expand) / 2
    region = Box(margin, margin, side - margin, side - margin)
    return np.stack([crop(pixels, region, size) for pixels in source.pixels])


def characters_of(sources: Sequence[Faces]) -> Labels:
    """Who all pictures show: ``(N,)``."""
    return np.concatenate([source.character for source in sources])
