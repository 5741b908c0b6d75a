"""Container files and systemd units: sound by their texts everywhere, tried where their tools are."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import click
import pytest

from booru_tagger.cli import cli

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
UNITS = sorted((ROOT / "examples").glob("*.service"))


def instructions() -> list[tuple[str, str]]:
    """Each instruction of the Dockerfile with its words, continued lines joined."""
    lines = "\n".join(line for line in DOCKERFILE.splitlines() if not line.startswith("#"))
    joined = re.sub(r"\\\n\s*", "", lines)
    parts = (line.partition(" ") for line in joined.splitlines() if line.strip())
    return [(kind, rest.strip()) for kind, _, rest in parts]


def last(kind: str) -> str:
    """The last instruction of a kind, which is that of the image itself."""
    return [rest for one, rest in instructions() if one == kind][-1]


def compose() -> dict[str, Any]:
    yaml: Any = pytest.importorskip("yaml")
    data: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
    return data


def assert_known(words: list[str]) -> None:
    """That these words of a command line name a command, and options which it has."""
    command: click.Command = cli
    rest = list(words)
    while isinstance(command, click.Group):
        found = command.get_command(click.Context(command), rest.pop(0))
        assert found is not None, words
        command = found
    known = {name for option in command.params for name in (*option.opts, *option.secondary_opts)}
    assert {word.partition("=")[0] for word in rest if word.startswith("--")} <= known, words


def test_the_image_runs_as_somebody_who_may_do_little() -> None:
    user, group = last("USER").split(":")
    assert user.isdecimal() and int(user) > 0 and int(group) > 0
    assert json.loads(last("ENTRYPOINT")) == ["booru-tagger"]  # in this form it gets the signals itself
    bases = [rest for kind, rest in instructions() if kind == "FROM"]
    assert bases and all(re.match(r"python:3\.\d+-slim\b", base) for base in bases)
    assert not any(kind == "ADD" for kind, _ in instructions())


def test_all_that_is_written_is_below_the_volume() -> None:
    (volume,) = json.loads(last("VOLUME"))
    variables = dict(word.split("=", 1) for word in shlex.split(last("ENV")))
    folders = {name: value for name, value in variables.items() if name == "HOME" or name.startswith("XDG_")}
    assert {"HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"} == set(folders)
    assert all(f"{value}/".startswith(f"{volume}/") for value in folders.values())


def test_what_is_copied_is_there_and_sent_to_the_builder() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    sent = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    for kind, rest in instructions():
        if kind == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert any(fnmatchcase(source, pattern) for pattern in sent), source


@pytest.mark.parametrize("name", ["serve", "watch"])
def test_a_service_is_shut_in(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"] and "/tmp" in service["tmpfs"]
    assert service["user"] == "${BOORU_TAGGER_UID:-1000}:${BOORU_TAGGER_GID:-1000}"
    assert service["command"][0] == name
    assert_known(service["command"])
    assert json.loads(last("VOLUME"))[0] in {volume.split(":")[1] for volume in service["volumes"]}


def test_the_server_is_reached_from_here_alone_and_with_a_token() -> None:
    data = compose()
    serve, watch = data["services"]["serve"], data["services"]["watch"]
    assert all(port.startswith("127.0.0.1:") for port in serve["ports"])
    token = serve["command"][serve["command"].index("--token") + 1]
    assert token == "@/run/secrets/token" and set(serve["secrets"]) <= set(data["secrets"])
    assert watch["network_mode"] == "none" and "ports" not in watch


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_runs_commands_that_exist(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text("utf-8")
    commands = re.findall(r"ExecStart=%h/\.local/bin/booru-tagger (.+)", text)
    assert len(commands) == 2, "its own, and that of the example in its head"
    for command in commands:
        assert_known(shlex.split(command))
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text)
    assert parser["Install"]["WantedBy"] == "default.target"
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        return
    copy = tmp_path / unit.name
    copy.write_text(text.replace("%h/.local/bin/booru-tagger", "/bin/true"))
    run = [analyze, "--user", "--man=no", "verify", str(copy)]
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    ended = subprocess.run(run, capture_output=True, text=True, env=environment, check=False)
    if "initialize manager" not in ended.stderr:  # where it cannot run at all
        assert ended.returncode == 0 and unit.name not in ended.stderr, ended.stderr


def has_docker() -> bool:
    if shutil.which("docker") is None:
        return False
    try:
        asked = subprocess.run(["docker", "info"], capture_output=True, timeout=20, check=False)
    except subprocess.TimeoutExpired:
        return False
    return asked.returncode == 0


@pytest.fixture
def image() -> Iterator[str]:
    name = f"booru-tagger-test-{os.getpid()}"
    subprocess.run(["docker", "build", "--quiet", "--tag", name, str(ROOT)], check=True)
    yield name
    subprocess.run(["docker", "image", "rm", "--force", name], check=True)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.skipif(not has_docker(), reason="no container tool answers here")
def test_the_image_tags_a_picture_with_nothing_but_its_two_folders(image: str, tmp_path: Path) -> None:
    pictures, state = tmp_path / "pictures", tmp_path / "state"
    pictures.mkdir()
    state.mkdir()
    shutil.copy(ROOT / "examples" / "pictures" / "classmates.jpg", pictures)
    run = [
        "docker",
        "run",
        "--rm",
        "--read-only",
        "--tmpfs",
        "/tmp",
        "--network",
        "none",
        "--cap-drop",
        "ALL",
    ]
    run += ["--user", f"{os.getuid() or 1000}:{os.getgid() or 1000}"]
    if os.getuid() == 0:
        for folder in (pictures, state):
            os.chown(folder, 1000, 1000)
    run += ["--volume", f"{pictures}:/pictures", "--volume", f"{state}:/data", image]
    subprocess.run([*run, "tag", "--batch"], check=True)
    assert (pictures / "classmates.jpg.txt").read_text("utf-8").strip()
    assert any(path.is_file() for path in state.rglob("*"))
