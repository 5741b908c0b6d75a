"""Settings: where they come from, what they may be, and what is said of a wrong one."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from booru_tagger.config import Setting, Settings, load, names_in, settings, user_file
from booru_tagger.config.setting_types import (
    Choice,
    Count,
    File,
    FileOrSwitch,
    Flag,
    Secret,
    Shares,
    Span,
    Text,
    Texts,
    TextTable,
    Words,
)
from booru_tagger.config.toml import literal, show, template
from booru_tagger.errors import ConfigError
from booru_tagger.imaging import Limits


@pytest.fixture(autouse=True)
def empty_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without settings, and an empty current folder."""
    home = tmp_path / "home"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home / "config"))
    monkeypatch.setenv("APPDATA", str(home))
    monkeypatch.setenv("LOCALAPPDATA", str(home))
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_defaults_agree_with_the_rooms_that_config_may_not_import() -> None:
    assert (Settings().reading.max_pixels, Settings().reading.max_bytes) == (
        Limits().pixels,
        Limits().file_bytes,
    )


SINCE_0_1 = """
    model face_model faces tag_threshold mcut threshold crops imply strip_implied implications
    gallery recursive follow_links file_links writer sidecar_name output format jobs provider
    executor address journal max_pixels max_bytes allow deny rename category_threshold review_band
    order prefix suffix spaces escape_brackets respect_deletions keep_mtime hydrus_url hydrus_key
    hydrus_service szurubooru_url szurubooru_user szurubooru_token szurubooru_password
    szurubooru_category safety marker request_rate request_timeout host port token max_upload
    max_waiting answer_timeout
"""
"""Settings that users of version 0.1 have in files, in the environment and in scripts."""

TEXTS = {
    Text: "x",
    Secret: "x",
    Count: "7",
    File: "a/b",
    FileOrSwitch: "a/b",
    Texts: "x",
    TextTable: "a=b",
    Span: "0.1-0.2",
}


def example_of(setting: Setting) -> str:
    """A value that is not the default, as in the environment."""
    kind = setting.kind
    if isinstance(kind, Choice | Words):
        return next(word for word in kind.choices if word != setting.default)
    if isinstance(kind, Shares):
        return f"{kind.keys[0]}=0.25"
    return ("no" if setting.default else "yes") if isinstance(kind, Flag) else TEXTS[type(kind)]


@pytest.mark.parametrize("name", SINCE_0_1.split())
def test_a_name_means_the_same_in_a_file_the_environment_and_as_a_flag(tmp_path: Path, name: str) -> None:
    setting = settings()[name]
    text = example_of(setting)
    variable = load(environ={f"BOORU_TAGGER_{name.upper()}": text}).settings
    raw = setting.kind.from_text(text)
    assert variable == Settings.of(**{name: setting.kind.read(raw, Path())}) != Settings()
    file = written(tmp_path / "named.toml", f"{name} = {literal(raw)}\n")
    base = tmp_path if isinstance(setting.kind, File | FileOrSwitch) else Path()
    assert load(config=file, environ={}).settings == Settings.of(**{name: setting.kind.read(raw, base)})
    flagged = load({name: raw}, environ={})
    assert flagged.settings == variable and flagged.origins[name] == f"--{name.replace('_', '-')}"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"wrtier": ("txt",)}, "'writer'"),
        ({"order": "scores"}, "order: .*did you mean 'score'"),
        ({"threshold": {"face": 2}}, "threshold: face must be a number from 0 to 1"),
        ({"model": None}, "model: must be set"),
    ],
)
def test_a_program_s_mistakes_are_named_too(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Settings.of(**values)


def test_a_program_may_give_values_as_a_file_has_them() -> None:
    assert Settings.of(output="tags", jobs="auto", writer=["txt"]) == Settings.of(
        output=Path("tags"), jobs=None, writer=("txt",)
    )


def test_each_setting_has_a_name_of_its_own() -> None:
    assert set(SINCE_0_1.split()) <= set(settings())
    assert sum(map(len, Settings())) == len(settings())
    assert names_in("serving", "printing", without=("host", "port")) == (
        *("format", "token", "max_upload", "max_waiting", "answer_timeout", "access_log"),
    )


def test_without_anything_the_defaults_hold() -> None:
    loaded = load(environ={})
    assert loaded.settings == Settings()
    assert loaded.files == ()
    assert set(loaded.origins.values()) == {"default"}


def test_the_last_place_that_speaks_wins(empty_home: Path) -> None:
    written(user_file(), 'model = "user"\norder = "score"\njobs = 1\nspaces = true\n')
    local = written(empty_home / "booru-tagger.toml", 'order = "name"\njobs = 2\nspaces = true\n')
    environ = {"BOORU_TAGGER_JOBS": "3", "BOORU_TAGGER_SPACES": "yes"}
    loaded = load({"spaces": False}, environ=environ)
    got = loaded.settings
    assert got == Settings.of(model="user", order="name", jobs=3, spaces=False)
    assert loaded.origins["model"] == str(user_file())
    assert loaded.origins["order"] == local.name
    assert loaded.origins["jobs"] == "BOORU_TAGGER_JOBS"
    assert loaded.origins["spaces"] == "--spaces"


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_a_named_file_is_the_only_one(empty_home: Path, tmp_path: Path, how: str) -> None:
    written(user_file(), "jobs = 1\n")
    written(empty_home / "booru-tagger.toml", 'model = "local"\n')
    named = written(tmp_path / "named.toml", 'order = "name"\n')
    if how == "flag":
        got = load(config=named, environ={}).settings
    else:
        got = load(environ={"BOORU_TAGGER_CONFIG": str(named)}).settings
    assert got == Settings.of(order="name")


def test_a_named_file_must_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(config=tmp_path / "nowhere.toml", environ={})


def test_tables_are_merged_key_by_key_and_lists_replaced(empty_home: Path) -> None:
    written(empty_home / "booru-tagger.toml", 'threshold = { face = 0.3, hair = 0.6 }\ndeny = ["a", "b"]\n')
    environ = {"BOORU_TAGGER_THRESHOLD": "hair=0.7, eyes=0.8", "BOORU_TAGGER_DENY": "c"}
    got = load({"threshold": {"eyes": 0.9}}, environ=environ).settings
    assert got.tagging.threshold == {"face": 0.3, "hair": 0.7, "eyes": 0.9}
    assert got.policy.deny == ("c",)


def test_paths_are_relative_to_their_file(tmp_path: Path) -> None:
    named = written(tmp_path / "there" / "named.toml", 'output = "tags"\njournal = "~/j.sqlite3"\n')
    got = load(config=named, environ={}).settings
    assert got.writing.output == tmp_path / "there" / "tags"
    assert got.recording.journal == Path("~/j.sqlite3").expanduser()
    assert load({"output": "tags"}, environ={}).settings.writing.output == Path("tags")


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("journal = false", "journal", False),
        ('jobs = "auto"', "jobs", None),
        ('review_band = "auto"', "review_band", None),
        ('review_band = "0.3-0.85"', "review_band", (0.3, 0.85)),
        ("review_band = [0.2, 1]", "review_band", (0.2, 1.0)),
        ('writer = "hydrus"', "writer", ("hydrus",)),
        ('rename = { "a,b" = "c" }', "rename", {"a,b": "c"}),
        ("[category_threshold]\ngeneral = 1", "category_threshold", {"general": 1.0}),
    ],
)
def test_forms_in_a_file(empty_home: Path, text: str, field: str, value: Any) -> None:
    written(empty_home / "booru-tagger.toml", text)
    assert load(environ={}).settings.value(field) == value


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("JOURNAL", "off", "journal", False),
        ("JOURNAL", "/j", "journal", Path("/j")),
        ("MAX_PIXELS", "1_000", "max_pixels", 1000),
        ("RENAME", "a=b, c=d=e", "rename", {"a": "b", "c=d": "e"}),
        ("WRITER", "txt, xmp", "writer", ("txt", "xmp")),
        ("IMPLY", "No", "imply", False),
    ],
)
def test_forms_in_the_environment(variable: str, text: str, field: str, value: Any) -> None:
    assert load(environ={f"BOORU_TAGGER_{variable}": text}).settings.value(field) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("treshold = {}", ["treshold", "'threshold'"]),
        ("sidecar-name = 'stem'", ["sidecar-name", "'sidecar_name'"]),
        ("zzz = 1", ["zzz", "known are", "model"]),
        ("jobs = 0", ["jobs", "at least 1", "auto"]),
        ("jobs = true", ["jobs", "True"]),
        ('review_band = "0.8-0.3"', ["review_band", "0.3-0.8", "0.8-0.3"]),
        ("review_band = 0.5", ["review_band", "two numbers", "0.5"]),
        ("max_pixels = 'auto'", ["max_pixels", "whole number"]),
        ("threshold = { chracter = 0.5 }", ["threshold", "chracter", "'character'"]),
        ("threshold = { face = 1.5 }", ["threshold", "face", "0 to 1"]),
        ("threshold = { face = nan }", ["threshold", "face"]),
        ("threshold = 0.5", ["threshold", "table"]),
        ("category_threshold = { general = true }", ["category_threshold", "general"]),
        ("format = 'jsn'", ["format", "table, jsonl or none"]),
        ("order = 'scores'", ["order", "did you mean 'score'"]),
        ("writer = [1]", ["writer", "list of texts"]),
        ("rename = { a = 1 }", ["rename", "table of texts"]),
        ("model = ''", ["model", "not empty"]),
        ("output = 3", ["output", "path"]),
        ("journal = 3", ["journal", "path, true or false"]),
        ("crops = 'yes'", ["crops", "true or false"]),
        ("jobs = = 1", ["not a TOML file"]),
    ],
)
def test_a_wrong_key_or_value_is_named_with_its_file(empty_home: Path, text: str, words: list[str]) -> None:
    written(empty_home / "booru-tagger.toml", text)
    with pytest.raises(ConfigError) as caught:
        load(environ={})
    for word in ["booru-tagger.toml", *words]:
        assert word in str(caught.value)


def test_all_wrong_values_of_a_file_are_named_at_once(empty_home: Path) -> None:
    written(empty_home / "booru-tagger.toml", "jobs = 0\ncrops = 1\nspaces = true\n")
    with pytest.raises(ConfigError) as caught:
        load(environ={})
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == ["jobs", "crops"]


def test_a_file_that_is_not_text_is_named(empty_home: Path) -> None:
    (empty_home / "booru-tagger.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match=r"booru-tagger\.toml: not a TOML file"):
        load(environ={})


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        ("BOORU_TAGGER_JOB", "1", ["BOORU_TAGGER_JOBS"]),
        ("BOORU_TAGGER_THRESHOLDS", "face=1", ["BOORU_TAGGER_THRESHOLD?"]),
        ("BOORU_TAGGER_SPACES", "maybe", ["BOORU_TAGGER_SPACES", "maybe"]),
        ("BOORU_TAGGER_THRESHOLD", "face", ["BOORU_TAGGER_THRESHOLD", "key=number"]),
        ("BOORU_TAGGER_THRESHOLD", "face=x", ["BOORU_TAGGER_THRESHOLD", "'x'"]),
    ],
)
def test_a_wrong_variable_is_named(variable: str, text: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(environ={variable: text})
    for word in words:
        assert word in str(caught.value)


def test_variables_of_others_are_left_alone() -> None:
    environ = {"BOORU_TAGGER_DATA": "/data", "BOORU_TAGGER_XYZZY": "1", "HOME": "/"}
    assert load(environ=environ).settings == Settings()


AWKWARD = {
    "model": 'a "quoted"\\path\n\x7f\x00é初',
    "threshold": {"face": 0.25},
    "rename": {'key with = and "': "初音", "plain": "x"},
    "deny": ["*_(x)", "[ab]"],
    "journal": False,
    "jobs": 3,
    "crops": True,
    "output": "/some where/tags",
    "max_pixels": 12,
    "prefix": ["my style"],
}


def test_what_show_prints_reads_back_as_the_same(tmp_path: Path) -> None:
    loaded = load(AWKWARD, environ={})
    again = load(config=written(tmp_path / "again.toml", show(loaded)), environ={})
    assert again.settings == loaded.settings


def test_show_says_where_a_value_comes_from() -> None:
    lines = show(load({"jobs": 3}, environ={"BOORU_TAGGER_ORDER": "name"})).splitlines()
    assert "jobs = 3  # --jobs" in lines
    assert 'order = "name"  # BOORU_TAGGER_ORDER' in lines
    assert "crops = false" in lines


def test_the_template_changes_nothing_until_it_is_edited(tmp_path: Path) -> None:
    assert load(config=written(tmp_path / "t.toml", template()), environ={}).settings == Settings()


def test_the_template_names_every_setting_with_its_default() -> None:
    table = {}
    for line in template().splitlines():
        key, equals, value = line.removeprefix("# ").partition(" = ")
        if equals and key in settings():
            table.update(tomllib.loads(f"{key} = {value}"))
    assert set(table) == set(settings())
    unset = {name for name, value in table.items() if value == ""}
    assert unset == {
        name for name, setting in settings().items() if setting.default is None and not setting.automatic
    }
    given = {name: value for name, value in table.items() if name not in unset}
    assert load(given, environ={}).settings == Settings()


def test_literals() -> None:
    assert literal({"a b": 1.5, "c": True}) == '{ "a b" = 1.5, c = true }'
    assert literal(("x", "y")) == '["x", "y"]'
