"""Recognisers without a network of their own: logistic regression and support vector machines.

They learn from pixels, or from the embedding that a bundle's network gives, and end in the same bundle as
any other recogniser: input ``faces``, output ``character`` with calibrated probabilities. Pixels are many
(49,152 at 128 px), so they are first projected on their principal components, as in Turk and Pentland,
"Eigenfaces for recognition" (1991); the projection is part of the exported model.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import numpy.typing as npt
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from booru_export.data.tables import FaceItem
from booru_tagger.errors import DataError, ModelError
from booru_tagger.imaging import Floats, Normalisation, Pixels, crop, fit, read_picture, square_around
from booru_tagger.models.bundle import Bundle
from booru_tagger.models.session import Session
from booru_tagger.models.store.local import open_bundle

Method: TypeAlias = Literal["logistic", "linear-svm", "rbf-svm"]
METHODS: tuple[Method, ...] = get_args(Method)
Features: TypeAlias = Literal["pixels", "embedding"]
FEATURES: tuple[Features, ...] = get_args(Features)

NORMALISATION = Normalisation()
BATCH = 64
FOLDS = 3
"""Parts of the training pictures by which an SVM's scores are made probabilities (Platt scaling)."""
PCA_PICTURES = 4000
"""Pictures that the components are found on at most: more change them little and fill the memory."""
MAX_RBF_CHARACTERS = 300
"""Characters that are some 45,000 pairs, each with support vectors of its own."""
STRENGTHS: dict[Method, tuple[float, ...]] = {
    "logistic": (0.003, 0.03, 0.3),
    "linear-svm": (0.001, 0.01, 0.1),
    "rbf-svm": (1.0, 10.0),
}
"""Values of C to choose from: the inverse of the regularisation's strength."""

Labels = npt.NDArray[np.str_]
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ClassicRecipe:
    """One run.

    ``size``: side in pixels that faces are resized to (with ``embedding``, the network's own counts).
    ``components``: principal components of the pixels. ``strength``: C of the classifier; ``None`` chooses
    on the validation part. ``seed`` decides the folds and the pictures for the components.
    """

    method: Method = "logistic"
    features: Features = "pixels"
    size: int = 128
    components: int = 128
    strength: float | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A fitted scikit-learn pipeline from flat features to probabilities, and what it was fitted with."""

    recipe: ClassicRecipe
    pipeline: Any
    source: FeatureSource
    strength: float
    pictures: int
    seconds: float

    @property
    def labels(self) -> list[str]:
        return [str(label) for label in self.pipeline.classes_]

    def probabilities(self, items: Sequence[FaceItem]) -> Floats:
        """scikit-learn's own answer for pictures, ``(N, C)``."""
        answer: Floats = self.pipeline.predict_proba(self.source.features(items))
        return answer


class FeatureSource:
    """Where the features of a picture come from: its pixels, or the embedding of a bundle's recogniser."""

    def __init__(self, recipe: ClassicRecipe, model: str | Path | None = None) -> None:
        self.bundle: Bundle | None = None
        self.size, self.normalisation = recipe.size, NORMALISATION
        if recipe.features == "embedding":
            if model is None:
                raise DataError(
                    "features 'embedding' need a bundle whose network gives them: name one with --model"
                )
            self.bundle = open_bundle(model)
            if self.bundle.recogniser is None:
                raise ModelError(f"{self.bundle.folder}: has no recogniser to take an embedding from")
            spec = self.bundle.recogniser
            self.size, self.normalisation = spec.size, spec.normalisation
            self._session = Session(self.network(), name=str(self.bundle.folder / spec.file))
            if "embedding" not in self._session.outputs:
                raise ModelError(f"{self.bundle.folder}: its recogniser gives no embedding")

    def network(self) -> bytes:
        """The ONNX file that gives the embedding."""
        assert self.bundle is not None and self.bundle.recogniser is not None
        return self.bundle.read(self.bundle.recogniser.file)

    def faces(self, items: Sequence[FaceItem]) -> Floats | Pixels:
        """What the recogniser is given, ``(N, 3, size, size)``, or bytes ``(N, size, size, 3)``."""
        return self.normalisation.feed(np.stack([self._face(item) for item in items]))

    def features(self, items: Sequence[FaceItem], step: Callable[[], None] = lambda: None) -> Floats:
        """Flat features, ``(N, D)``."""
        parts = []
        for start in range(0, len(items), BATCH):
            faces = self.faces(items[start : start + BATCH])
            if self.bundle is None:
                parts.append(faces.reshape(len(faces), -1).astype(np.float32, copy=False))
            else:
                parts.append(self._session.run({"faces": faces})["embedding"].astype(np.float32))
            for _ in faces:
                step()
        return np.concatenate(parts)

    def _face(self, item: FaceItem) -> Pixels:
        """The head, where the crop is wider than that, as when the bundle is judged."""
        pixels = read_picture(item.path).pixels
        if item.head is None:
            return fit(pixels, self.size)
        return crop(pixels, square_around(item.head, 1.0), self.size)


def train_classic(
    recipe: ClassicRecipe,
    training: Sequence[FaceItem],
    validation: Sequence[FaceItem] = (),
    *,
    model: str | Path | None = None,
    say: Say = lambda line: None,
) -> Trained:
    """Fit a classifier. ``model`` is the bundle that gives the embedding, where the recipe asks for one.

    Raises :class:`DataError` where a character has too few pictures.
    """
    started = time.monotonic()
    _check(recipe, training)
    source = FeatureSource(recipe, model)
    say(f"features of {len(training):,} pictures: {recipe.features} at {source.size} px")
    first, features = _front(recipe, source, training)
    labels = _labels(training)
    strength = recipe.strength
    if strength is None:
        strength = _choose(recipe, first, source, (features, labels), validation, say)
    say(f"fitting {recipe.method} with C = {strength:g} on {features.shape[1]} features")
    classifier = _calibrated(recipe, strength, labels).fit(features, labels)
    pipeline = make_pipeline(first, classifier)
    return Trained(recipe, pipeline, source, strength, len(training), time.monotonic() - started)


def _labels(items: Sequence[FaceItem]) -> Labels:
    return np.asarray([item.label for item in items])


def _check(recipe: ClassicRecipe, training: Sequence[FaceItem]) -> None:
    counts = Counter(item.label for item in training)
    if len(counts) < 2:
        raise DataError(f"there is nothing to tell apart: {len(counts)} characters in the training part")
    if recipe.method == "rbf-svm" and len(counts) > MAX_RBF_CHARACTERS:
        raise DataError(
            f"an RBF SVM learns each pair of characters: {len(counts):,} are too many "
            f"(at most {MAX_RBF_CHARACTERS}); choose another method"
        )
    rare = sorted(label for label, count in counts.items() if count < 2)
    if rare:
        raise DataError(
            f"{len(rare)} characters have a single training picture ({', '.join(rare[:5])}…): these methods "
            "need two; leave rare ones out with booru-tagger dataset import --min-pictures"
        )


def _front(recipe: ClassicRecipe, source: FeatureSource, items: Sequence[FaceItem]) -> tuple[Any, Floats]:
    """The first step of the pipeline, fitted, and the training features behind it."""
    if recipe.features == "embedding":
        features = source.features(items)
        scaler = StandardScaler().fit(features)
        return scaler, scaler.transform(features)
    rng = np.random.default_rng(recipe.seed)
    some = rng.permutation(len(items))[:PCA_PICTURES]
    pixels = source.features([items[index] for index in some])
    components = min(recipe.components, len(some) - 1, pixels.shape[1])
    pca = PCA(
        components,
        whiten=True,
        copy=False,
        svd_solver="randomized",
        iterated_power=3,
        random_state=recipe.seed,
    )
    pca.fit(pixels)
    del pixels
    parts = [
        pca.transform(source.features(items[start : start + BATCH])) for start in range(0, len(items), BATCH)
    ]
    return pca, np.concatenate(parts)


def _bare(recipe: ClassicRecipe, strength: float) -> Any:
    if recipe.method == "logistic":
        return LogisticRegression(C=strength, max_iter=400, tol=1e-3)
    if recipe.method == "linear-svm":
        return LinearSVC(C=strength, dual=True, max_iter=3000, random_state=recipe.seed)
    return SVC(C=strength, kernel="rbf", gamma="scale", cache_size=500)


def _calibrated(recipe: ClassicRecipe, strength: float, labels: Labels) -> Any:
    """With probabilities: a logistic regression has them, an SVM gets them by Platt scaling."""
    bare = _bare(recipe, strength)
    if recipe.method == "logistic":
        return bare
    folds = min(FOLDS, *Counter(labels.tolist()).values())
    splits = StratifiedKFold(folds, shuffle=True, random_state=recipe.seed)
    return CalibratedClassifierCV(bare, method="sigmoid", cv=splits, ensemble=False)


def _choose(
    recipe: ClassicRecipe,
    first: Any,
    source: FeatureSource,
    training: tuple[Floats, Labels],
    validation: Sequence[FaceItem],
    say: Say,
) -> float:
    """The C that does best on the validation part; the middle one where there is none."""
    candidates = STRENGTHS[recipe.method]
    if not validation:
        return candidates[len(candidates) // 2]
    seen = [
        first.transform(source.features(validation[start : start + BATCH]))
        for start in range(0, len(validation), BATCH)
    ]
    features, labels = np.concatenate(seen), _labels(validation)
    scores = {}
    for strength in candidates:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # one that does not converge in time is not the best one
            fitted = clone(_bare(recipe, strength)).fit(*training)
        scores[strength] = float(np.mean(fitted.predict(features) == labels))
        say(f"C = {strength:g}: {scores[strength]:.4f} right on the validation part")
    return max(candidates, key=lambda strength: scores[strength])
