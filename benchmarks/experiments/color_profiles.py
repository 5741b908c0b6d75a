"""How many answers on hair and eyes change when pictures are saved in other colors, with their profiles.

Heads in scenes, at the boxes drawn by hand; each picture is saved as a JPEG with each of the given ICC
profiles, and with none: what changes then is the noise of encoding.
"""

from __future__ import annotations

import argparse
import io
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from booru_export.data.tables import Scene, read_scenes
from PIL import Image, ImageCms

from booru_tagger.imaging import Picture, decode_picture, read_picture
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger

QUALITY = 95
INTENTS = (ImageCms.Intent.PERCEPTUAL, ImageCms.Intent.RELATIVE_COLORIMETRIC)


def saved(image: Image.Image, profile: Path | None, intent: ImageCms.Intent) -> bytes:
    """The picture as a JPEG, its colors turned into those of the profile, black into its black."""
    stream, data = io.BytesIO(), None
    if profile is not None:
        data = profile.read_bytes()
        mode = {b"CMYK": "CMYK", b"GRAY": "L"}.get(data[16:20], "RGB")
        converted = ImageCms.profileToProfile(
            *(image, ImageCms.createProfile("sRGB"), str(profile), intent),
            outputMode=mode,
            flags=ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
        assert converted is not None
        image = converted
    image.save(stream, "JPEG", quality=QUALITY, subsampling=0, icc_profile=data)
    return stream.getvalue()


def answers(tagger: Tagger, picture: Picture, scene: Scene) -> Iterator[tuple[str, str]]:
    """What is said of hair and eyes of each head; empty where nothing is."""
    for box in scene.boxes:
        face = tagger.read_face(picture, box).face
        yield face.hair_color.tag if face.hair_color else "", face.eye_color.tag if face.eye_color else ""


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks experiment color_profiles", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("scenes", type=Path)
    parser.add_argument("profiles", type=Path, nargs="+")
    parser.add_argument("--heads", type=int, default=250)
    asked = parser.parse_args(arguments)
    tagger = Tagger(TaggerOptions(asked.bundle, gallery=None))
    scenes = [scene for scene in read_scenes(asked.scenes) if scene.boxes]
    random.Random(0).shuffle(scenes)
    ways: list[tuple[Path | None, ImageCms.Intent]] = [(None, INTENTS[1])]
    for profile in asked.profiles:
        inks = profile.read_bytes()[16:20] == b"CMYK"
        ways += [(profile, intent) for intent in (INTENTS if inks else INTENTS[1:])]
    heads, changed = 0, Counter[tuple[int, str]]()
    for scene in scenes:
        if heads >= asked.heads:
            break
        heads += len(scene.boxes)
        plain = read_picture(scene.path)
        first = list(answers(tagger, plain, scene))
        for index, (profile, intent) in enumerate(ways):
            data = saved(plain.image, profile, intent)
            again = list(answers(tagger, decode_picture(data, scene.path.name), scene))
            for before, after in zip(first, again, strict=True):
                changed[index, "hair"] += before[0] != after[0]
                changed[index, "eyes"] += before[1] != after[1]
    print(f"{heads} heads; changed answers: hair, eyes")
    for index, (profile, intent) in enumerate(ways):
        name = f"{profile.stem}, {intent.name.lower()}" if profile else "no profile"
        print(f"{name:50} {changed[index, 'hair']:4} {changed[index, 'eyes']:4}")
