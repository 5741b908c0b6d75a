"""Hundreds of damaged pictures of every format: each is tagged or reported, and none costs much."""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.bundles import Painted, paint
from tests.support.command import MAIN, Home, make_home
from tests.support.pictures import encoded, turned

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX resource limits")

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "TGA", "JPEG2000", "MPO")
SUFFIXES = {"JPEG2000": "jp2", "MPO": "jpg"}
EACH = 30
MOST_MEMORY = 1_500_000_000
"""Bytes of address space; a run over sound pictures of this size needs a third of it."""
MOST_SECONDS = 10
KINDS = {"not-an-image", "damaged", "too-large"}


def originals() -> dict[str, bytes]:
    image = paint([Painted(10, 10, 60)], size=(96, 80))
    files = {name: encoded(image, name) for name in FORMATS}
    files["progressive.JPEG"] = encoded(image, "JPEG", progressive=True)
    files["turned.JPEG"] = turned(image, 6, "JPEG")
    files["animated.GIF"] = encoded(image, "GIF", save_all=True, append_images=[image.rotate(90)])
    files["palette.PNG"] = encoded(image.quantize(16), "PNG")
    return files


def damaged(data: bytes, chance: random.Random) -> bytes:
    """Data cut short, or with bytes zeroed, lost, repeated or changed, the telling first ones above all."""
    changed = bytearray(data)
    kind = chance.randrange(5)
    if kind == 0:
        return bytes(changed[: chance.randrange(1, len(changed))])
    start = chance.randrange(len(changed))
    stop = min(len(changed), start + chance.randrange(1, 200))
    if kind == 1:
        changed[start:stop] = bytes(stop - start)
    elif kind == 2:
        del changed[start:stop]
    elif kind == 3:
        changed[start:start] = changed[start:stop] * chance.randrange(1, 20)
    else:
        reach = len(changed) if chance.random() < 0.5 else min(64, len(changed))
        for _ in range(chance.randrange(1, 12)):
            changed[chance.randrange(reach)] = chance.randrange(256)
    return bytes(changed)


def test_a_corpus_of_damaged_pictures_is_gone_through(tmp_path: Path, tiny_bundle: Path) -> None:
    home: Home = make_home(tmp_path, BOORU_TAGGER_MODEL=str(tiny_bundle), BOORU_TAGGER_JOBS="1")
    chance = random.Random(11)
    count = 0
    for name, data in originals().items():
        for number in range(EACH):
            suffix = SUFFIXES.get(name, name.rpartition(".")[2].lower())
            (home.work / f"{name}-{number}.{suffix}").write_bytes(damaged(data, chance))
            count += 1
    paint([Painted(10, 10, 60)], size=(96, 80)).save(home.work / "sound.png")
    limited = (
        "import resource, sys;"
        f"resource.setrlimit(resource.RLIMIT_AS, ({MOST_MEMORY}, {MOST_MEMORY}));"
        f"resource.setrlimit(resource.RLIMIT_CPU, ({count * MOST_SECONDS},) * 2);"
        "from booru_tagger.cli import main; sys.exit(main())"
    )
    run = home.run("tag", "--batch", "--dry-run", "--format", "jsonl", main=[*MAIN[:2], limited])
    assert run.code == 3, run.err[-2000:]
    results = {Path(item["path"]).name: item for item in map(json.loads, run.out.splitlines())}
    assert len(results) == count + 1 >= 301
    assert results["sound.png"]["tags"]
    kinds = Counter(item["error"]["kind"] for item in results.values() if item["error"])
    print(f"{count} damaged pictures: {dict(kinds)}, {count - sum(kinds.values())} readable all the same")
    assert kinds.keys() <= KINDS, kinds
    assert kinds["damaged"] > 50 and kinds["not-an-image"] > 30
    assert sum(kinds.values()) < count, "some damage is harmless, and no reason to refuse a picture"
    assert all(item["error"]["message"] for item in results.values() if item["error"])
    assert "please report" not in run.err
