"""How clips and sequences are read: a clip by itself, as the live view shows it, or a sequence from all of its clips.

A sequence's answer is the mean of the class probabilities over evenly spread clips: one clip may lie before the onset
or in a blink, and a sequence's answer must not hang on which one was drawn. The mean of probabilities, unlike a vote,
lets sure clips count more, and stays a probability.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mcoe.calibration import softmax
from mcoe.data.clips import ClipSet
from mcoe.data.pack import PackedSequence
from mcoe.metrics import Predictions
from mcoe.model.config import EMOTIONS
from mcoe.model.network import MCOENet
from mcoe.train.feed import Feed, three_channels

#: Clips per sequence that evaluation reads.
CLIPS = 16
#: What one answer is about.
Per = Literal["sequence", "window"]
#: Runs of the protocol of the data set's authors, each with one random clip of every sequence.
DRAWS = 20


@torch.no_grad()
def clip_logits(
    net: MCOENet, feed: Feed, rows: NDArray[np.int64], *, mask: str | None = None, batch: int = 256
) -> NDArray[np.float64]:
    """Return the logits ``(n, J)`` of clips ``(n, 2)``, rows of the feed's pack; the network ends in evaluation mode.

    Args:
        net: on the feed's device.
        mask: ``rgb`` or ``event`` to hide that stream; the network's learned stand-in takes its place.
    """
    net.eval()
    said: list[Tensor] = []
    for rgb, voxel in feed.batches(rows[i : i + batch] for i in range(0, len(rows), batch)):
        out = net(None if mask == "rgb" else three_channels(rgb), None if mask == "event" else voxel)
        said.append(out.logits.double())
    return np.asarray(torch.cat(said).cpu().numpy(), np.float64)


def predict_clips(
    net: MCOENet,
    feed: Feed,
    clips: ClipSet,
    *,
    most: int = CLIPS,
    mask: str | None = None,
    batch: int = 256,
    temperature: float = 1.0,
    per: Per = "sequence",
) -> Predictions:
    """Predict every sequence of ``clips``, or every clip by itself; the network ends in evaluation mode.

    Args:
        net, mask: as in :func:`clip_logits`.
        most: clips per sequence, evenly spread over it.
        temperature: what the logits are divided by.
    """
    rows, index = clips.spread(most)
    chances = softmax(clip_logits(net, feed, rows, mask=mask, batch=batch), temperature)
    if per == "sequence":
        sums = np.zeros((len(clips.sequences), len(EMOTIONS)))
        np.add.at(sums, index, chances)
        chances, index = sums / np.bincount(index, minlength=len(sums))[:, None], np.arange(len(sums))
    of = [clips.sequences[i] for i in index]
    return _predictions(of, chances, feed.greys(rows[:, -1]) if per == "window" else None)


def predict_draws(
    net: MCOENet,
    feed: Feed,
    clips: ClipSet,
    *,
    runs: int = DRAWS,
    mask: str | None = None,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[Predictions]:
    """Predict one random clip of every sequence, ``runs`` times: the protocol of the data set's authors.

    Args: as in :func:`predict_clips`; ``seed`` alone decides which clips are drawn.
    """
    rng = np.random.default_rng(seed)
    rows = np.concatenate([np.stack([p[rng.integers(len(p))] for p in clips.pairs]) for _ in range(runs)])
    chances = softmax(clip_logits(net, feed, rows, mask=mask), temperature)
    return [_predictions(clips.sequences, part) for part in np.split(chances, runs)]


def _predictions(
    of: Sequence[PackedSequence], chances: NDArray[np.float64], grey: NDArray[np.float64] | None = None
) -> Predictions:
    return Predictions(
        names=tuple(s.name for s in of),
        subjects=tuple(s.subject for s in of),
        labels=np.array([s.label for s in of], np.int64),
        lightings=np.array([s.lighting for s in of], np.int64),
        scores=chances,
        grey=grey,
        skins=tuple(s.skin for s in of),
    )


def log_loss(predictions: Predictions) -> float:
    """Mean negative log probability of the true class."""
    right = predictions.scores[np.arange(len(predictions.labels)), predictions.labels]
    return float(-np.log(np.maximum(right, 1e-12)).mean())
