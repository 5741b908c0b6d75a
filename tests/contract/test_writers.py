"""What every writer promises, whatever its format: nothing of a person's is lost, nothing is half-written."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from booru_tagger.errors import OutputError
from booru_tagger.writers.base import Writer, Written
from booru_tagger.writers.registry import make_writer
from tests.support.writing import (
    PEOPLE,
    SIDECARS,
    WRITERS,
    Person,
    draw,
    job,
    leftovers,
    read,
    remove,
    spelled,
    write,
)

OURS = ("hatsune_miku", "aqua_hair", "aqua_eyes")


class WriterSetup:
    """A picture, a writer and the person who works with the same target."""

    def __init__(self, name: str, folder: Path) -> None:
        self.writer: Writer = make_writer(name)
        self.picture = draw(folder / "a.png")
        target = self.writer.target(self.picture)
        assert target is not None
        self.target = target
        self.person: Person = PEOPLE[name]

    def standing(self) -> list[str]:
        return list(read(self.writer, self.picture))

    def content(self) -> bytes | None:
        return self.target.read_bytes() if self.target.exists() else None

    def write(self, *names: str, after: Written | None = None, **more: Any) -> Written:
        return write(self.writer, self.picture, *names, after=after, **more)

    def spelled(self, *names: str) -> list[str]:
        return spelled(self.writer, *names)

    def edit(self, change: Callable[[list[str]], list[str]]) -> None:
        """A person's change of the tags, by their tools."""
        self.person.keep(self.target, change(self.standing()))


@pytest.fixture(params=WRITERS)
def setup(request: pytest.FixtureRequest, tmp_path: Path) -> WriterSetup:
    return WriterSetup(request.param, tmp_path)


@pytest.fixture(params=SIDECARS)
def sidecar(request: pytest.FixtureRequest, tmp_path: Path) -> WriterSetup:
    return WriterSetup(request.param, tmp_path)


def test_new_target_holds_our_tags_in_their_order(setup: WriterSetup) -> None:
    written = setup.write(*OURS)
    assert setup.standing() == setup.spelled(*OURS)
    assert written.changed
    assert written.target == setup.target
    assert set(setup.spelled(*OURS)) <= written.owned
    assert not written.deleted
    assert leftovers(setup.picture.parent) == []


def test_account_names_the_bytes_on_both_sides(setup: WriterSetup) -> None:
    before = setup.content()
    written = setup.write(*OURS)
    assert written.before == before
    assert written.after_sha256 == hashlib.sha256(setup.content() or b"").hexdigest()


def test_second_run_does_not_touch_the_file(setup: WriterSetup) -> None:
    first = setup.write(*OURS)
    before = setup.target.stat()
    announced: list[Written] = []
    second = setup.write(*OURS, after=first, announce=announced.append)
    after = setup.target.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not second.changed
    assert (second.owned, second.deleted) == (first.owned, first.deleted)
    assert announced == []


def test_run_without_journal_does_not_touch_the_file(setup: WriterSetup) -> None:
    setup.write(*OURS)
    before = setup.content()
    again = setup.write(*OURS)
    assert setup.content() == before
    assert not again.changed
    assert not set(setup.spelled(*OURS)) & again.owned


def test_merges_into_a_persons_target(setup: WriterSetup) -> None:
    setup.person.start(setup.target, ["sunset", "aqua hair", "sky"])
    foreign = setup.person.foreign(setup.target)
    written = setup.write(*OURS)
    standing = setup.standing()
    assert [tag for tag in standing if tag not in written.owned] == ["sunset", "aqua hair", "sky"]
    assert set(standing) == {"sunset", "aqua hair", "sky", *setup.spelled("hatsune_miku", "aqua_eyes")}
    assert setup.person.foreign(setup.target) == foreign


def test_new_tags_replace_ours_alone(setup: WriterSetup) -> None:
    setup.person.start(setup.target, ["sunset"])
    first = setup.write("hatsune_miku", "blue_hair")
    second = setup.write("hatsune_miku", "aqua_hair", "aqua_eyes", after=first)
    assert setup.standing() == ["sunset", *setup.spelled("hatsune_miku", "aqua_hair", "aqua_eyes")]
    assert not second.deleted
    assert not set(setup.spelled("blue_hair")) & second.owned


def test_what_a_person_deleted_stays_deleted(setup: WriterSetup) -> None:
    first = setup.write(*OURS)
    gone, *_ = setup.spelled("aqua_hair")
    setup.edit(lambda standing: [tag for tag in standing if tag != gone])
    second = setup.write(*OURS, after=first)
    assert setup.standing() == setup.spelled("hatsune_miku", "aqua_eyes")
    assert gone in second.deleted
    third = setup.write("aqua_hair", "aqua_eyes", after=second)
    assert setup.standing() == setup.spelled("aqua_eyes")
    assert gone in third.deleted


def test_what_a_person_respelled_is_theirs(setup: WriterSetup) -> None:
    first = setup.write(*OURS)
    ours, *_ = setup.spelled("aqua_hair")
    setup.edit(lambda standing: [tag.title() if tag == ours else tag for tag in standing])
    second = setup.write(*OURS, after=first)
    assert ours.title() in setup.standing()
    assert ours not in setup.standing()
    remove(setup.writer, setup.picture, second.owned)
    assert setup.standing() == [ours.title()]


def test_what_a_person_added_survives_all(setup: WriterSetup) -> None:
    first = setup.write(*OURS)
    setup.edit(lambda standing: ["sunset", *standing, "sky"])
    second = setup.write("hatsune_miku", after=first)
    assert setup.standing() == ["sunset", *setup.spelled("hatsune_miku"), "sky"]
    removed = remove(setup.writer, setup.picture, second.owned)
    assert setup.standing() == ["sunset", "sky"]
    assert not removed.owned


def test_removal_takes_a_new_sidecar_away(sidecar: WriterSetup) -> None:
    written = sidecar.write(*OURS)
    removed = remove(sidecar.writer, sidecar.picture, written.owned)
    assert not sidecar.target.exists()
    assert removed.changed
    assert removed.after_sha256 == ""


def test_removal_gives_back_the_same_bytes(sidecar: WriterSetup) -> None:
    if sidecar.writer.name == "json":
        pytest.skip("a hand-edited file of ours is laid out anew; the bytes come back from 'before'")
    sidecar.person.start(sidecar.target, ["sunset", "aqua hair"])
    before = sidecar.content()
    first = sidecar.write("blue_hair", "hatsune_miku")
    written = sidecar.write(*OURS, after=first)
    assert sidecar.content() != before
    remove(sidecar.writer, sidecar.picture, written.owned)
    assert sidecar.content() == before


def test_removal_twice_changes_nothing_more(setup: WriterSetup) -> None:
    written = setup.write(*OURS)
    remove(setup.writer, setup.picture, written.owned)
    before = setup.content()
    again = remove(setup.writer, setup.picture, written.owned)
    assert not again.changed
    assert setup.content() == before


def test_removal_reports_what_a_person_had_deleted(setup: WriterSetup) -> None:
    written = setup.write(*OURS)
    gone, *_ = setup.spelled("aqua_hair")
    setup.edit(lambda standing: [tag for tag in standing if tag != gone])
    assert gone in remove(setup.writer, setup.picture, written.owned).deleted


def test_no_tags_write_no_sidecar_but_json(sidecar: WriterSetup) -> None:
    written = sidecar.write()
    assert sidecar.target.exists() == (sidecar.writer.name == "json")
    assert written.changed == sidecar.target.exists()


def test_losing_all_tags_leaves_no_empty_sidecar(sidecar: WriterSetup) -> None:
    first = sidecar.write("aqua_hair")
    second = sidecar.write(after=first)
    assert sidecar.target.exists() == (sidecar.writer.name == "json")
    assert not set(sidecar.spelled("aqua_hair")) & second.owned


def test_deleted_sidecar_is_written_anew(sidecar: WriterSetup) -> None:
    first = sidecar.write(*OURS)
    sidecar.target.unlink()
    sidecar.write(*OURS, after=first)
    assert sidecar.standing() == sidecar.spelled(*OURS)


STANDING = [
    [],
    ["1girl", "solo"],
    ["1girl", "my_trigger", "solo", "my_end", "smile"],
    ["my_end", "my trigger", "solo", "my_trigger"],
]


@pytest.mark.parametrize("standing", STANDING, ids=range(len(STANDING)))
def test_first_is_first_and_last_is_last(setup: WriterSetup, standing: list[str]) -> None:
    if standing:
        setup.person.start(setup.target, standing)
    written = setup.write(*OURS, first="my_trigger", last="my_end")
    tags = setup.standing()
    assert (tags[0], tags[-1]) == ("my_trigger", "my_end")
    assert sorted(tags) == sorted({*standing, *setup.spelled(*OURS), "my_trigger", "my_end"})
    others = [tag for tag in standing if tag not in ("my_trigger", "my_end")]
    assert [tag for tag in tags if tag in others] == others
    content = setup.content()
    assert not setup.write(*OURS, first="my_trigger", last="my_end", after=written).changed
    assert not setup.write(*OURS, first="my_trigger", last="my_end").changed
    assert setup.content() == content
    remove(setup.writer, setup.picture, written.owned)
    assert sorted(setup.standing()) == sorted(standing)


def test_first_is_first_again_after_an_edit(setup: WriterSetup) -> None:
    written = setup.write("aqua_hair", first="my_trigger", last="my_end")
    setup.edit(lambda standing: ["sky", *standing, "sunset"])
    setup.write("aqua_hair", first="my_trigger", last="my_end", after=written)
    ours, *_ = setup.spelled("aqua_hair")
    assert setup.standing() == ["my_trigger", "sky", ours, "sunset", "my_end"]


def test_another_first_takes_the_place_of_the_one_before(setup: WriterSetup) -> None:
    setup.person.start(setup.target, ["sunset"])
    written = setup.write("aqua_hair", first="my_trigger")
    setup.write("aqua_hair", first="your_trigger", after=written)
    assert setup.standing() == ["your_trigger", "sunset", *setup.spelled("aqua_hair")]


def test_a_first_that_a_person_took_out_stays_out(setup: WriterSetup) -> None:
    written = setup.write("aqua_hair", first="my_trigger")
    setup.edit(lambda standing: [tag for tag in standing if tag != "my_trigger"])
    setup.write("aqua_hair", first="my_trigger", after=written)
    assert "my_trigger" not in setup.standing()


def _failing(error: int) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(error, os.strerror(error))

    return fail


FAULTS = {
    "no space": ("fsync", errno.ENOSPC, "no space left"),
    "quota": ("fsync", errno.EDQUOT, "quota"),
    "swap": ("replace", errno.EIO, "Input/output error"),
    "denied": ("open", errno.EACCES, "permission denied"),
    "read-only disk": ("replace", errno.EROFS, "read-only"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("started", [False, True], ids=["new", "existing"])
def test_failure_leaves_all_as_it_was(
    setup: WriterSetup, fault: str, started: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if started:
        setup.person.start(setup.target, ["sunset"])
    before = setup.content()
    function, error, message = FAULTS[fault]
    writing = job(setup.writer, setup.picture, *OURS)
    read(setup.writer, setup.picture)  # loads what is loaded late
    with monkeypatch.context() as patch:
        if function == "open":
            real = os.open

            def deny(path: Any, flags: int, *rest: Any, **more: Any) -> int:
                return _failing(error)() if str(path).endswith(".tmp") else real(path, flags, *rest, **more)

            patch.setattr(os, "open", deny)
        else:
            patch.setattr(os, function, _failing(error))
        with pytest.raises(OutputError, match=message) as caught:
            setup.writer.write(writing)
    assert str(setup.target) in str(caught.value)
    assert setup.content() == before
    assert leftovers(setup.picture.parent) == []


def test_really_full_disk(sidecar: WriterSetup) -> None:
    """The system's own refusal in the middle of a write, by way of a limit on file sizes."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    sidecar.person.start(sidecar.target, ["sunset"])
    before = sidecar.content()
    names = [f"{number}_{'x' * 1000}" for number in range(120)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
        with pytest.raises(OutputError, match="larger than the system allows"):
            sidecar.write(*names)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, old)
    assert sidecar.content() == before
    assert leftovers(sidecar.picture.parent) == []


def test_interruption_leaves_all_as_it_was(setup: WriterSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    setup.person.start(setup.target, ["sunset"])
    before = setup.content()

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        setup.write(*OURS)
    assert setup.content() == before
    assert leftovers(setup.picture.parent) == []


def test_change_is_announced_before_it_happens(setup: WriterSetup) -> None:
    seen = []
    before = setup.content()
    written = setup.write(*OURS, announce=lambda account: seen.append((account, setup.content())))
    assert seen == [(written, before)]


def test_refused_announcement_calls_the_write_off(setup: WriterSetup) -> None:
    before = setup.content()

    def refuse(_: Written) -> None:
        raise RuntimeError("journal is gone")

    with pytest.raises(RuntimeError, match="journal is gone"):
        setup.write(*OURS, announce=refuse)
    assert setup.content() == before
    assert leftovers(setup.picture.parent) == []


def test_edit_in_the_middle_of_a_write_is_merged(setup: WriterSetup, monkeypatch: pytest.MonkeyPatch) -> None:
    first = setup.write("hatsune_miku")
    real = os.fsync
    edits = [lambda: setup.edit(lambda standing: [*standing, "sunset"])]

    def fsync(descriptor: int) -> None:
        if edits:
            edits.pop()()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    setup.write(*OURS, after=first)
    assert set(setup.standing()) == {"sunset", *setup.spelled(*OURS)}


def test_unicode_everywhere(setup: WriterSetup) -> None:
    picture = draw(setup.picture.with_name("初音ミク 🎉 'q\"\n.png"))
    write(setup.writer, picture, "初音ミク", "café_(é)", "<&>'\"", "^_^")
    expected = ["初音ミク", "café_(é)", "<&>'\"", "^_^"]
    if setup.writer.name == "hydrus":
        expected[1] = "café (é)"
    assert list(read(setup.writer, picture)) == expected


@pytest.mark.skipif(os.name == "nt", reason="names are Unicode there")
def test_name_that_is_no_unicode(setup: WriterSetup) -> None:
    picture = setup.picture.with_name(os.fsdecode(b"\xff\xfe.png"))
    setup.picture.rename(picture)
    written = write(setup.writer, picture, *OURS)
    assert list(read(setup.writer, picture)) == setup.spelled(*OURS)
    assert not write(setup.writer, picture, *OURS, after=written).changed


def test_read_only_target_is_left_alone(setup: WriterSetup) -> None:
    setup.person.start(setup.target, ["sunset"])
    before = setup.content()
    setup.target.chmod(0o444)
    with pytest.raises(OutputError, match="read-only"):
        setup.write(*OURS)
    assert setup.content() == before


def test_permissions_stay(setup: WriterSetup) -> None:
    setup.person.start(setup.target, ["sunset"])
    setup.target.chmod(0o640)
    setup.write(*OURS)
    assert stat.S_IMODE(setup.target.stat().st_mode) == 0o640


def test_symbolic_link_is_followed(setup: WriterSetup, tmp_path: Path) -> None:
    setup.person.start(setup.target, ["sunset"])
    real = tmp_path / "elsewhere"
    real.mkdir()
    moved = setup.target.rename(real / setup.target.name)
    setup.target.symlink_to(moved)
    setup.write(*OURS)
    assert setup.target.is_symlink()
    assert set(setup.standing()) == {"sunset", *setup.spelled(*OURS)}
    assert leftovers(tmp_path) == []


def test_missing_folder(setup: WriterSetup, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"does not exist|is gone"):
        write(setup.writer, tmp_path / "gone" / "a.png", *OURS)


def test_target_that_is_a_folder(sidecar: WriterSetup) -> None:
    sidecar.target.mkdir()
    with pytest.raises(OutputError, match="is a folder"):
        sidecar.write(*OURS)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs FIFOs")
def test_target_that_is_a_pipe_does_not_hang(sidecar: WriterSetup) -> None:
    os.mkfifo(sidecar.target)
    with pytest.raises(OutputError, match="not a regular file"):
        sidecar.write(*OURS)


def test_damaged_target_is_left_alone(setup: WriterSetup) -> None:
    if setup.writer.name == "jsonl":
        pytest.skip("a line that cannot be read is somebody's, and the others are written")
    setup.target.write_bytes(b"\xff\xfe\x00broken")
    before = setup.content()
    with pytest.raises(OutputError, match=str(setup.target)):
        setup.write(*OURS)
    assert setup.content() == before


def test_name_that_is_too_long(sidecar: WriterSetup) -> None:
    if sidecar.writer.name == "jsonl":
        pytest.skip("its name does not grow with the picture's")
    picture = sidecar.picture.with_name("n" * 251 + ".png")
    sidecar.picture.rename(picture)
    with pytest.raises(OutputError, match="name is too long"):
        write(sidecar.writer, picture, *OURS)


EVENTS = st.one_of(
    st.tuples(st.just("tag"), st.lists(st.sampled_from(OURS), unique=True)),
    st.tuples(st.just("add"), st.sampled_from(("sunset", "sky"))),
    st.tuples(st.just("drop"), st.sampled_from(("sunset", "sky", *OURS))),
    st.tuples(st.just("untag"), st.none()),
)


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=15)
@given(started=st.booleans(), events=st.lists(EVENTS, max_size=8))
def test_any_sequence_of_events(
    name: str, started: bool, events: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    setup = WriterSetup(name, tmp_path_factory.mktemp("any"))
    setup.person.start(setup.target, ["mine"] if started else ["mine", "sky"])
    by_hand = setup.standing()
    last = Written(setup.target, False, frozenset(), frozenset(), None, "")
    dropped: set[str] = set()
    for kind, value in events:
        if kind == "tag":
            last = setup.write(*value, after=last)
            assert set(setup.standing()) == set(by_hand) | (set(setup.spelled(*value)) - dropped)
        elif kind == "untag":
            removed = remove(setup.writer, setup.picture, last.owned)
            last = Written(setup.target, True, removed.owned, last.deleted | removed.deleted, None, "")
            assert setup.standing() == by_hand
        elif kind == "add" and value not in by_hand:
            setup.edit(lambda standing, new=value: [*standing, new])  # type: ignore[misc]
            by_hand.append(value)
        elif kind == "drop":
            gone, *_ = setup.spelled(value)
            dropped |= {gone} & set(setup.standing()) - set(by_hand)
            setup.edit(lambda standing, old=gone: [tag for tag in standing if tag != old])  # type: ignore[misc]
            by_hand = [tag for tag in by_hand if tag != gone]
        assert [tag for tag in setup.standing() if tag in by_hand] == by_hand
