"""Training batches for the recogniser: face crops, and heads cut from whole illustrations."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from booru_export.data.canon import EYES, HAIR, SHADES, Canon
from booru_export.data.tables import FaceItem, Scene
from booru_export.drawn import FIRST_TRAINING_SEED, draw_scene
from booru_export.training import augment
from booru_export.training.recipe import RecogniserRecipe
from booru_tagger.imaging import Pixels, crop, fit, read_picture, square_around
from booru_tagger.types import Box

STORED = 160
STORED_EXPAND = 1.4
"""Heads of scenes are kept with so much around them, that their crops can be jittered."""
STORED_HEAD = round(STORED * STORED_EXPAND)
FACE_ZOOM = (0.62, 1.14)
CLOSE_ZOOM = (0.85, 1.05)
WIDE_SHARE = 0.65
"""Share of batches whose faces are cut at any zoom; the others stay near the crop they came with."""
HEAD_ZOOM = (0.62 / STORED_EXPAND, 1.14 / STORED_EXPAND)
SMALLEST_HEAD = 22.0
UNLABELLED = -100
"""What PyTorch's losses leave out."""

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Faces:
    """Pictures ``(N, S, S, 3)`` and, for each, the indices of character, hair and eyes, or ``UNLABELLED``.

    ``stranger`` marks people who are none of the characters.
    """

    pixels: Pixels
    character: Labels
    hair: Labels
    eyes: Labels
    stranger: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.pixels)


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step learns from. ``character`` may also be that of a made-up person or of the stranger."""

    images: Tensor
    character: Tensor
    hair: Tensor
    eyes: Tensor
    colour_weight: Tensor


def load_faces(items: Sequence[FaceItem], labels: Sequence[str], canon: dict[str, Canon]) -> Faces:
    """Read labelled crops; hair and eyes are those the character is known for."""
    index = {label: number for number, label in enumerate(labels)}
    looks = [canon.get(item.label, Canon(item.label)) for item in items]
    return Faces(
        np.stack([fit(read_picture(item.path).pixels, STORED) for item in items]),
        np.asarray([index[item.label] for item in items], dtype=np.int64),
        np.asarray([_index(HAIR, look.hair) for look in looks], dtype=np.int64),
        np.asarray([_index(EYES, look.eyes) for look in looks], dtype=np.int64),
        np.zeros(len(items), dtype=bool),
    )


def load_heads(scenes: Sequence[Scene], labels: Sequence[str], *, expand: float = STORED_EXPAND) -> Faces:
    """Cut the heads out of scenes, with the colours seen on them.

    The head of a picture collected for one character, alone in it, is that character; in pictures of none of
    the characters all are strangers; of several heads in a character's picture nobody says which is whose.
    """
    index = {label: number for number, label in enumerate(labels)}
    pixels, character, hair, eyes, stranger = [], [], [], [], []
    for scene in scenes:
        picture = read_picture(scene.path).pixels
        for box, hair_name, eye_name in zip(scene.boxes, scene.hair, scene.eyes, strict=True):
            if max(box.width, box.height) < SMALLEST_HEAD:
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
    )


def draw_heads(count: int) -> Faces:
    """Heads of ``count`` illustrations drawn by code: strangers, whose colours are exactly known."""
    pixels, hair, eyes = [], [], []
    for number in range(count):
        drawing = draw_scene(FIRST_TRAINING_SEED + number, size=(320, 320))
        picture = np.asarray(drawing.image)
        for head in drawing.heads:
            if max(head.box.width, head.box.height) >= SMALLEST_HEAD:
                pixels.append(crop(picture, square_around(head.box, STORED_EXPAND), STORED_HEAD))
                hair.append(_index(HAIR, head.hair))
                eyes.append(_index(EYES, head.eyes))
    return Faces(
        np.asarray(pixels, dtype=np.uint8).reshape(-1, STORED_HEAD, STORED_HEAD, 3),
        np.full(len(pixels), UNLABELLED, dtype=np.int64),
        np.asarray(hair, dtype=np.int64),
        np.asarray(eyes, dtype=np.int64),
        np.ones(len(pixels), dtype=bool),
    )


def join(first: Faces, second: Faces) -> Faces:
    """The pictures of both."""
    return Faces(
        *(
            np.concatenate([getattr(first, field.name), getattr(second, field.name)])
            for field in dataclasses.fields(Faces)
        )
    )


def _index(names: Sequence[str], name: str) -> int:
    return names.index(name) if name in names else UNLABELLED


class Batches:
    """Draws random batches, rare characters more often than their share (by 1/sqrt of their number)."""

    def __init__(
        self, recipe: RecogniserRecipe, faces: Faces, heads: Faces, characters: int, device: torch.device
    ) -> None:
        self.recipe, self.faces, self.heads, self.characters = recipe, faces, heads, characters
        self.device = device
        # The pictures live where they are augmented: an accelerator holds them all, and waits for none.
        self._face_pixels = _planes(faces.pixels, device)
        self._head_pixels = _planes(heads.pixels, device)
        self.rng = np.random.default_rng(recipe.schedule.seed)
        self.generator = torch.Generator().manual_seed(recipe.schedule.seed)
        count = Counter(faces.character.tolist())
        weight = np.asarray([count[number] ** -0.5 for number in faces.character.tolist()])
        self.face_weight = weight / weight.sum()
        telling = (heads.character >= 0) | (heads.hair >= 0) | (heads.eyes >= 0)
        head_weight = np.where(telling, 2.0, 1.0)
        self.head_weight = head_weight / max(1.0, head_weight.sum())
        shades = [HAIR.index(name) for name in SHADES] + [UNLABELLED]
        self.recolourable = ~np.isin(faces.hair, shades)

    def draw(self, size: int) -> Batch:
        """A fresh batch of side ``size``; values from -1 to 1."""
        total = self.recipe.schedule.batch
        head_count = round(total * self.recipe.scene_share) if len(self.head_weight) else 0
        faces = self.rng.choice(len(self.face_weight), total - head_count, p=self.face_weight)
        if not head_count:
            return self._draw_faces(faces, size)
        heads = self.rng.choice(len(self.head_weight), head_count, p=self.head_weight)
        zoom = FACE_ZOOM if self.rng.random() < WIDE_SHARE else CLOSE_ZOOM
        face_images = augment.warp(self._images(self._face_pixels, faces), size, zoom, self.generator)
        head_images = augment.warp(self._images(self._head_pixels, heads), size, HEAD_ZOOM, self.generator)
        character, turns = self._recoloured(faces)
        face_images = augment.turn_hue(face_images, turns, self.generator)
        images = torch.cat([face_images, head_images])
        return self._finish(images, faces, heads, torch.cat([character, self._head_characters(heads)]), turns)

    def _draw_faces(self, faces: Labels, size: int) -> Batch:
        """A batch without heads of scenes, for data sets of crops alone."""
        zoom = FACE_ZOOM if self.rng.random() < WIDE_SHARE else CLOSE_ZOOM
        images = augment.warp(self._images(self._face_pixels, faces), size, zoom, self.generator)
        character, turns = self._recoloured(faces)
        images = augment.turn_hue(images, turns, self.generator)
        return self._finish(images, faces, faces[:0], character, turns)

    def _finish(
        self, images: Tensor, faces: Labels, heads: Labels, character: Tensor, turns: Tensor
    ) -> Batch:
        grey = torch.rand(len(images), generator=self.generator) < self.recipe.grey
        images = augment.to_grey(augment.light(images, self.generator), grey)
        images = augment.erase_some(augment.blur_some(images, self.generator), self.generator)
        colourless = grey.clone()
        colourless[: len(faces)] |= turns >= 0
        weight = torch.cat([torch.full((len(faces),), self.recipe.canon_weight), torch.ones(len(heads))])
        return Batch(
            images.contiguous(memory_format=torch.channels_last),
            character.to(self.device),
            self._labels(self.faces.hair[faces], self.heads.hair[heads]),
            self._labels(self.faces.eyes[faces], self.heads.eyes[heads]),
            torch.where(colourless, torch.zeros(()), weight).to(self.device),
        )

    def _labels(self, faces: Labels, heads: Labels) -> Tensor:
        return torch.from_numpy(np.concatenate([faces, heads])).to(self.device)

    def _images(self, source: Tensor, chosen: Labels) -> Tensor:
        images = source[torch.from_numpy(chosen).to(self.device)].float() / 127.5 - 1
        return augment.jpeg_some(images, self.generator)

    def _recoloured(self, faces: Labels) -> tuple[Tensor, Tensor]:
        """Characters of the faces, and the turn of hue that makes made-up people of some of them."""
        character = self.faces.character[faces].copy()
        chosen = (self.rng.random(len(faces)) < self.recipe.recolour) & self.recolourable[faces]
        turn = self.rng.integers(0, len(augment.TURNS), len(faces))
        turns = np.where(chosen, turn, -1)
        character = np.where(chosen, self.characters * (1 + turn) + character, character)
        return torch.from_numpy(character), torch.from_numpy(turns)

    def _head_characters(self, heads: Labels) -> Tensor:
        stranger = self.characters * (1 + len(augment.TURNS))
        return torch.from_numpy(np.where(self.heads.stranger[heads], stranger, self.heads.character[heads]))


def _planes(pixels: Pixels, device: torch.device) -> Tensor:
    """Pictures ``(N, S, S, 3)`` as bytes ``(N, 3, S, S)`` on a device."""
    return torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).contiguous()


def whole(source: Faces, size: int, expand: float = 1.0) -> Tensor:
    """All pictures, not augmented, resized to ``size``; ``expand`` below 1 cuts the middle out."""
    side = source.pixels.shape[1]
    margin = side * (1 - expand) / 2
    region = Box(margin, margin, side - margin, side - margin)
    return torch.from_numpy(np.stack([crop(pixels, region, size) for pixels in source.pixels]))
