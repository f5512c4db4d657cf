"""How hard a data set is for a linear classifier on hand-made features: HOG + LDA of apex frames, across subjects."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError
from mcoe.core.words import EMOTIONS

Float = NDArray[np.float64]
COMPONENTS = 100


def hog(image: NDArray[np.uint8]) -> Float:
    """Histogram of oriented gradients of the middle square, 64 x 64 pixels, 8 x 8 cells, 9 bins, ``(1764,)``."""
    h, w = image.shape
    side = min(h, w)
    square = image[(h - side) // 2 :, (w - side) // 2 :][:side, :side]
    small = cv2.resize(square, (64, 64), interpolation=cv2.INTER_AREA)
    small = cv2.normalize(small, np.empty_like(small), 0, 255, cv2.NORM_MINMAX)
    descriptor = cv2.HOGDescriptor((64, 64), (16, 16), (8, 8), (8, 8), 9).compute(small)
    return np.asarray(descriptor, np.float64).ravel()


def cross_subject_accuracy(
    features: Float, labels: NDArray[np.int64], subjects: NDArray[np.int64], folds: int = 8
) -> float:
    """Return the share of samples that PCA + shrunk LDA names right, trained on other subjects.

    Args:
        features: ``(n, F)``; labels, subjects: ``(n,)``.
    """
    people = np.unique(subjects)
    if len(people) < 2:
        raise McoeError("The difficulty check needs at least two subjects: render more with --subjects.")
    right = 0
    for part in np.array_split(np.random.default_rng(0).permutation(people), min(folds, len(people))):
        held = np.isin(subjects, part)
        right += int((_lda(features[~held], labels[~held], features[held]) == labels[held]).sum())
    return right / len(labels)


def _lda(train: Float, labels: NDArray[np.int64], test: Float) -> NDArray[np.int64]:
    mean = train.mean(0)
    _, _, axes = np.linalg.svd(train - mean, full_matrices=False)
    basis = axes[: min(COMPONENTS, len(train) // 3)].T
    x, y = (train - mean) @ basis, (test - mean) @ basis
    classes = np.unique(labels)
    centres = np.stack([x[labels == c].mean(0) for c in classes])
    within = x - centres[np.searchsorted(classes, labels)]
    covariance = within.T @ within / max(len(x) - len(classes), 1)
    covariance += 0.1 * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    direction = np.linalg.solve(covariance, centres.T)  # (F, C)
    score = y @ direction - 0.5 * np.einsum("cf,fc->c", centres, direction)
    out: NDArray[np.int64] = classes[score.argmax(1)]
    return out


def check_folder(root: Path) -> str:
    """Run the check on every sequence of a folder and return one line.

    Raises:
        McoeError: the folder holds no data set, or too few subjects.
    """
    from mcoe.data.virtual_eye.writer import EMOTION_FOLDER

    path = root / "emotion.json"
    if not path.is_file():
        raise McoeError(f"{root} holds no emotion.json: name a data set's folder.")
    features, labels, subjects = [], [], []
    for name, entry in json.loads(path.read_text())["database"].items():
        label = entry["annotations"]["label"]
        first, last = entry["annotations"]["segment"]
        folder = root / "frame" / EMOTION_FOLDER[label] / name
        image = cv2.imread(str(folder / f"{(first + last) // 2:05d}.jpg"), cv2.IMREAD_GRAYSCALE)
        if image is None:
            raise McoeError(f"The apex frame of {folder} cannot be read: run synth again.")
        features.append(hog(np.asarray(image, np.uint8)))
        labels.append(EMOTIONS.index(label))
        subjects.append(int(name.split("_")[1]))
    accuracy = cross_subject_accuracy(np.array(features), np.array(labels), np.array(subjects))
    return (
        f"HOG + LDA on {len(labels)} apex frames of {len(set(subjects))} subjects, trained on other subjects: "
        f"{accuracy:.1%} (chance 14.3 %; wanted 60..85 %, more would be too easy)"
    )
