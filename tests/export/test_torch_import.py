"""Networks from elsewhere become bundles that give the same scores."""

# ruff: noqa: E402 (what a module needs is looked for before it is imported)

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import invoke
from tests.support.extras import need

need("torch", "torchvision", "onnxscript")

import torch
from booru_export.bundles.torch_import import Foreign, describe, export_foreign, read_labels
from booru_export.cli.export import export
from booru_export.data.canon import read_canon
from booru_export.training.torch_setup import load_torchvision
from torch import Tensor, nn

from booru_tagger.errors import DataError
from booru_tagger.imaging import Normalisation
from booru_tagger.models.bundle import Bundle
from booru_tagger.tagging.options import TaggerOptions
from booru_tagger.tagging.tagger import Tagger
from tests.support.drawn_faces import draw_face

LABELS = ("hatsune_miku", "shana", "akiyama_mio")
PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Small(nn.Module):
    """A network that somebody might have trained."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.head = nn.Conv2d(3, 8, 3, 2), nn.Linear(8, len(LABELS))

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = self.head(self.conv(x).relu().mean((2, 3)))
        return answer


@pytest.fixture
def program(tmp_path: Path) -> Path:
    batch = torch.export.Dim("batch", min=1, max=64)
    exported = torch.export.export(Small(), (torch.zeros(2, 3, 32, 32),), dynamic_shapes=({0: batch},))
    torch.export.save(exported, tmp_path / "net.pt2")
    return tmp_path / "net.pt2"


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    draw_face("shana", 0, 80).save(tmp_path / "face.png")
    return tmp_path / "face.png"


def test_a_program_gives_the_same_scores_through_the_runtime(
    program: Path, picture: Path, tmp_path: Path
) -> None:
    foreign = Foreign(program, LABELS, size=32, normalisation=PLAIN)
    bundle, difference = export_foreign(foreign, tmp_path / "bundle", read_canon(), picture)
    assert difference <= 1e-4
    bundle.verify()
    face = Tagger(TaggerOptions(tmp_path / "bundle", crops=True)).tag(picture).faces[0]
    assert {candidate.tag for candidate in face.candidates} == set(LABELS)
    assert sum(candidate.score for candidate in face.candidates) == pytest.approx(1, abs=1e-4)
    assert b".py" not in (tmp_path / "bundle" / "recogniser.onnx").read_bytes()


def test_the_command_takes_a_network_that_was_trained_elsewhere(
    program: Path, picture: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(LABELS), "utf-8")
    theirs = ("--labels", tmp_path / "labels.txt", "--size", 32, "--std", 0.5, 0.5, 0.5, "--expand", 1.5)
    result = invoke(export, program, "-o", tmp_path / "bundle", *theirs, "--picture", picture)
    assert "largest difference from torch 0.0000" in result.output
    spec = Bundle.load(tmp_path / "bundle").recogniser
    assert spec is not None
    assert (spec.size, spec.expand, spec.normalisation.std) == (32, 1.5, (0.5, 0.5, 0.5))
    with pytest.raises(DataError, match="takes no --calibrate, --int8"):
        invoke(export, program, "-o", tmp_path / "other", *theirs, "--calibrate", tmp_path)
    with pytest.raises(DataError, match="--std is for networks from elsewhere"):
        invoke(export, program, "-o", tmp_path / "other", "--std", 0.5, 0.5, 0.5)


def test_a_state_dict_needs_the_name_of_its_network(picture: Path, tmp_path: Path) -> None:
    state = load_torchvision().models.resnet18(num_classes=len(LABELS)).state_dict()
    torch.save(state, tmp_path / "weights.pth")
    foreign = Foreign(tmp_path / "weights.pth", LABELS, arch="resnet18", size=32)
    _, difference = export_foreign(foreign, tmp_path / "bundle", {}, picture)
    assert difference <= 1e-4
    with pytest.raises(DataError, match="--arch"):
        export_foreign(Foreign(tmp_path / "weights.pth", LABELS), tmp_path / "other", {})
    with pytest.raises(DataError, match="with 2 classes"):
        export_foreign(Foreign(tmp_path / "weights.pth", LABELS[:2], arch="resnet18"), tmp_path / "other", {})
    with pytest.raises(DataError, match="no classification network"):
        export_foreign(Foreign(tmp_path / "weights.pth", LABELS, arch="resnet19"), tmp_path / "other", {})
    assert not (tmp_path / "other").exists()


def test_scores_are_made_probabilities_as_asked(program: Path, tmp_path: Path) -> None:
    foreign = Foreign(program, LABELS, size=32, scores="sigmoid")
    export_foreign(foreign, tmp_path / "bundle", {})
    draw_face("shana", 1).save(tmp_path / "face.png")
    face = Tagger(TaggerOptions(tmp_path / "bundle", crops=True)).tag(tmp_path / "face.png").faces[0]
    assert sum(candidate.score for candidate in face.candidates) != pytest.approx(1, abs=1e-3)


def test_the_number_of_labels_must_be_that_of_the_outputs(program: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be"):
        export_foreign(Foreign(program, (*LABELS, "cirno"), size=32), tmp_path / "bundle", {})


def test_a_program_with_a_fixed_batch_is_explained(tmp_path: Path) -> None:
    exported = torch.export.export(Small(), (torch.zeros(1, 3, 32, 32),))
    torch.export.save(exported, tmp_path / "net.pt2")
    with pytest.raises(DataError, match="free batch"):
        export_foreign(Foreign(tmp_path / "net.pt2", LABELS, size=32), tmp_path / "bundle", {})


def test_a_description_falls_back_on_imagenets_normalisation(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("shana\n", "utf-8")
    foreign = describe(tmp_path / "net.pt2", tmp_path / "labels.txt", size=64, std=(0.5, 0.5, 0.5))
    assert (foreign.labels, foreign.size, foreign.normalisation.std) == (("shana",), 64, (0.5, 0.5, 0.5))
    assert foreign.normalisation.mean == (0.485, 0.456, 0.406)
    with pytest.raises(DataError, match="above 0"):
        describe(tmp_path / "net.pt2", tmp_path / "labels.txt", std=(0.5, 0.0, 0.5))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.txt", "Hatsune Miku\n\nshana\n"),
        ("labels.csv", "id,tag\n0,hatsune_miku\n1,shana\n"),
        ("labels.json", '["hatsune miku", "shana"]'),
    ],
)
def test_labels_are_read_from_the_usual_files(name: str, text: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert read_labels(tmp_path / name) == ("hatsune_miku", "shana")


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("labels.txt", "a\na\n", "twice"),
        ("labels.txt", "", "no label"),
        ("labels.txt", "a,b\n", "comma"),
        ("labels.csv", "name\na\n", "neither"),
        ("labels.json", '{"a": 0}', "list of labels"),
        ("labels.json", "{", "not valid JSON"),
    ],
)
def test_unusable_labels_are_explained(name: str, text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(DataError, match=reason):
        read_labels(tmp_path / name)
