"""Whether the program can do its work here: versions, models, files, limits, and a trial of all of it."""

from __future__ import annotations

import importlib.util
import locale
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from booru_tagger.app.characters import gallery_file
from booru_tagger.app.recording import journal_path
from booru_tagger.app.self_test import self_test
from booru_tagger.config import Loaded, Settings, load, user_file
from booru_tagger.enrol import read
from booru_tagger.errors import BooruTaggerError, ConfigError, quoted
from booru_tagger.files.user_folders import user_folder
from booru_tagger.journal import Journal
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import available_providers
from booru_tagger.models.store.local import open_model, stored, verify
from booru_tagger.parallel import available_cores
from booru_tagger.providers import PROVIDERS

State = Literal["ok", "note", "problem"]
OK: State = "ok"
NOTE: State = "note"
PROBLEM: State = "problem"

_PACKAGES = ("numpy", "pillow", "click", "watchdog", "exifread", "rich", "platformdirs")
_EXTRAS: Mapping[str, tuple[str, ...]] = {
    "web": ("starlette", "uvicorn", "python_multipart"),
    "hub": ("huggingface_hub", "filelock"),
    "video": ("av",),
    "cluster": ("ray", "fsspec", "pyarrow"),
    "export": ("torch", "torchvision", "onnx", "onnxscript", "sklearn", "skl2onnx", "matplotlib"),
}
"""Modules that each extra brings."""
_ABSENT = "not there"
_INOTIFY = Path("/proc/sys/fs/inotify")
_FEW_WATCHES, _FEW_INSTANCES = 8_192, 128
"""Linux's limits up to which large folders are not watched whole."""
_SLOW = 2.0
"""Seconds a picture from which something is wrong, or the machine is very busy."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. The user's own folder is written ``~`` in what is ``said``."""

    name: str
    state: State
    said: str


def examine() -> Iterator[Check]:
    """Look at one thing after another; none of them is changed. Never raises."""
    yield Check("booru-tagger", OK, f"{_version('booru-tagger')} in {_short(Path(__file__).parents[1])}")
    yield Check("python", OK, f"{platform.python_version()}, {platform.platform()}")
    yield Check("machine", OK, f"{available_cores()} cores, {platform.machine()}{_memory()}")
    yield _encoding()
    yield _packages()
    yield _providers()
    yield from _extras()
    loaded, check = _settings()
    yield check
    yield from _each(loaded.settings)


def _each(settings: Settings) -> Iterator[Check]:
    looks: tuple[tuple[str, Callable[[Settings], Check]], ...] = (
        ("model", _model),
        ("models", _models),
        ("gallery", _gallery),
        ("journal", _journal),
        ("folders", _folders),
        ("watching", _watching),
        ("self-test", _trial),
    )
    for name, look in looks:
        try:
            yield look(settings)
        except (BooruTaggerError, OSError) as error:
            yield Check(name, PROBLEM, _short(error))


def _packages() -> Check:
    """Of onnxruntime's builds, one is to be there: two would lie in one folder."""
    builds = dict.fromkeys(provider.package for provider in PROVIDERS.values())
    there = [name for name in builds if _version(name) != _ABSENT]
    said = ", ".join(f"{name} {_version(name)}" for name in (*there, *_PACKAGES))
    if len(there) > 1:
        return Check(
            "packages", PROBLEM, f"{said}: uninstall {' and '.join(there)}, then install one of them"
        )
    return Check("packages", OK, said)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return _ABSENT


def _short(said: object) -> str:
    home = os.path.expanduser("~")  # noqa: PTH111 (a text, not a path)
    text = str(said)
    return text.replace(home, "~") if len(home) > 1 else text


def _memory() -> str:
    try:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return ""
    return f", {size / 2**30:.1f} GiB of memory"


def _encoding() -> Check:
    name = sys.getfilesystemencoding()
    said = f"{name} for file names, {locale.getpreferredencoding(False)} for texts"
    if name.lower().replace("-", "") != "utf8":
        return Check("encoding", NOTE, f"{said}; names outside of it are shown as escapes")
    return Check("encoding", OK, said)


def _providers() -> Check:
    there = available_providers()
    ours = [name for name, provider in PROVIDERS.items() if provider.onnx in there]
    return Check(
        "providers", OK if ours else PROBLEM, ", ".join(ours) or "onnxruntime has none that is known"
    )


def _extras() -> Iterator[Check]:
    for extra, modules in _EXTRAS.items():
        missing = [name for name in modules if importlib.util.find_spec(name) is None]
        install = f"pip install {quoted(f'booru-tagger[{extra}]')}"
        if not missing:
            yield Check(f"extra {extra}", OK, "installed")
        elif len(missing) == len(modules):
            yield Check(f"extra {extra}", OK, f"not installed ({install})")
        else:
            yield Check(f"extra {extra}", NOTE, f"lacks {', '.join(missing)} ({install})")


def _settings() -> tuple[Loaded, Check]:
    try:
        loaded = load()
    except ConfigError as error:
        return Loaded(Settings(), {}, ()), Check(
            "settings", PROBLEM, f"{_short(error)}; defaults are used below"
        )
    files = ", ".join(_short(path) for path in loaded.files) or f"no file (there is no {_short(user_file())})"
    changed = sorted(name for name, origin in loaded.origins.items() if origin != "default")
    return loaded, Check("settings", OK, f"{files}; set: {', '.join(changed) or 'none'}")


def _model(settings: Settings) -> Check:
    name = settings.tagging.model
    opened = verify(name)
    if isinstance(opened, Bundle):
        said = (
            f"{opened.name} {opened.version}, {len(opened.labels):,} characters, every file as it should be"
        )
    else:
        said = f"{opened.name}, {len(opened.columns.labels):,} labels"
    return Check("model", OK, said)


def _models(settings: Settings) -> Check:
    there = list(stored())
    damaged = [model.name for model in there if model.problem]
    if damaged:
        return Check("models", PROBLEM, _short(f"damaged: {', '.join(damaged)}"))
    return Check("models", OK, _short(", ".join(model.name for model in there) or "none but default"))


def _gallery(settings: Settings) -> Check:
    if settings.tagging.gallery is False:
        return Check("gallery", OK, "switched off")
    path = gallery_file(settings.tagging)
    gallery = read(path)
    if gallery is None:
        return Check("gallery", OK, f"nobody is enrolled ({_short(path)})")
    said = f"{len(gallery):,} enrolled with {gallery.model or 'an unnamed model'} ({_short(path)})"
    face_model = settings.tagging.model
    opened = open_model(face_model)
    if isinstance(opened, Bundle) and opened.recogniser_sha256 != gallery.recogniser:
        refresh = f"not with {opened.name} {opened.version}: booru-tagger characters refresh"
        return Check("gallery", PROBLEM, f"{said}, {refresh}")
    return Check("gallery", OK, said)


def _journal(settings: Settings) -> Check:
    if settings.recording.journal is False:
        return Check("journal", NOTE, "switched off: nothing is remembered, reviewed or taken back")
    path = journal_path(settings.recording)
    if not path.exists():
        return Check("journal", OK, f"none yet ({_short(path)})")
    with Journal.open(path) as journal:
        waiting, warnings = len(journal.reviews.waiting()), journal.warnings
    size = f"{path.stat().st_size / 1e6:.1f} MB, {waiting:,} pictures wait for review ({_short(path)})"
    return Check("journal", PROBLEM if warnings else OK, _short("; ".join([*warnings, size])))


def _folders(settings: Settings) -> Check:
    """Whether files can be made where the program keeps its own."""
    folders = (user_folder("state"), user_folder("data"), user_folder("cache"))
    closed = [folder for folder in folders if not _can_write(folder)]
    if closed:
        return Check("folders", PROBLEM, _short(f"cannot be written: {', '.join(map(str, closed))}"))
    return Check("folders", OK, _short(", ".join(dict.fromkeys(map(str, folders)))))


def _can_write(folder: Path) -> bool:
    """In the folder, or in the first one above that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _watching(settings: Settings) -> Check:
    if not _INOTIFY.is_dir():
        return Check("watching", OK, "by the system's events")
    watches, instances = (
        int((_INOTIFY / name).read_text()) for name in ("max_user_watches", "max_user_instances")
    )
    said = f"inotify: {watches:,} folders, {instances:,} programs"
    if watches <= _FEW_WATCHES or instances < _FEW_INSTANCES:
        raise_it = "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512"
        return Check("watching", NOTE, f"{said}; for large folders: {raise_it}")
    return Check("watching", OK, said)


def _trial(settings: Settings) -> Check:
    trial = self_test(settings)
    tags = [tag.tag for face in trial.faces for tag in (face.hair_color, face.eye_color) if tag]
    found = f"{len(trial.faces)} of 1 drawn heads, {', '.join(tags) or 'no colors'}"
    said = f"{found}; {trial.seconds * 1000:.0f} ms a picture, {trial.first:.1f} s for the first"
    faces = settings.tagging.faces
    if faces and len(trial.faces) != 1:
        return Check("self-test", PROBLEM, f"{said}: one head was to be found")
    return Check("self-test", NOTE if trial.seconds > _SLOW else OK, said)
