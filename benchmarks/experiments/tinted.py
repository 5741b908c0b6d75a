"""How many pictures are taken for colorless: plain ones, and the same in grey, sepia, blue or nearly so.

Of the plain ones some are grey by themselves.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from booru_export.data.tables import read_faces, read_scenes
from PIL import Image, ImageOps

from booru_tagger.imaging import colorfulness, read_picture
from booru_tagger.models.manifest import RecogniserSpec
from booru_tagger.models.store.local import open_bundle


def shaded(image: Image.Image, tint: Sequence[int], own: float = 0.0) -> Image.Image:
    """From black to the tint by brightness, and a share ``own`` of the picture's colors."""
    grey = np.asarray(image.convert("L"), dtype=float)[..., None]
    mixed = (1 - own) * grey + own * np.asarray(image, dtype=float)
    return Image.fromarray((mixed * np.asarray(tint) / 255).astype(np.uint8))


def bent(image: Image.Image, middle: str) -> Image.Image:
    """From black to white over a tint."""
    return ImageOps.colorize(image.convert("L"), "black", "white", mid=middle)


WAYS: MappingProxyType[str, Callable[[Image.Image], Image.Image]] = MappingProxyType(
    {
        "plain": lambda image: image,
        "grey": lambda image: image.convert("L").convert("RGB"),
        "sepia paper": lambda image: shaded(image, (240, 200, 145)),
        "sepia ink": lambda image: bent(image, "#96734b"),
        "blue light": lambda image: shaded(image, (120, 150, 255)),
        "blue ink": lambda image: bent(image, "#3c5aaa"),
        "night with 15 % of the colors": lambda image: shaded(image, (110, 130, 220), 0.15),
    }
)


def as_jpeg(image: Image.Image) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return Image.open(stream).convert("RGB")


def colorless(spec: RecogniserSpec, images: Sequence[Image.Image], *, face: bool = False) -> float:
    values = [colorfulness(image, face=face) for image in images]
    return float(np.mean([value < spec.min_colorfulness for value in values]))


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment tinted", description=__doc__)
    parser.add_argument("bundle")
    parser.add_argument("data", type=Path)
    parser.add_argument("--pictures", type=int, default=300)
    asked = parser.parse_args(arguments)
    spec = open_bundle(asked.bundle).recogniser
    assert spec is not None
    scenes, faces = read_scenes(asked.data / "scenes"), read_faces(asked.data / "faces")
    chance = random.Random(0)
    chosen = chance.sample(scenes, min(asked.pictures, len(scenes)))
    images = [read_picture(scene.path, longest=512).image for scene in chosen]
    for name, way in WAYS.items():
        print(f"{name:32} {colorless(spec, [as_jpeg(way(image)) for image in images]):.3f}", flush=True)
    crops = [read_picture(item.path).image for item in chance.sample(faces, min(1000, len(faces)))]
    print(f"{'crops of faces':32} {colorless(spec, crops, face=True):.3f}")
