"""How a sequence is read from its clips: the mean of the class probabilities over evenly spread clips.

One clip may lie before the onset or in a blink; a sequence's answer must not hang on which one was drawn. The mean of
probabilities, unlike a vote, lets sure clips count more, and stays a probability.
"""

from __future__ import annotations

import numpy as np
import torch

from mcoe.core.words import EMOTIONS
from mcoe.data.clips import ClipSet
from mcoe.data.feed import Feed, three_channels
from mcoe.evaluation.metrics import Predictions
from mcoe.model.network import MCOENet

#: Clips per sequence that evaluation reads.
CLIPS = 16


@torch.no_grad()
def predict_clips(
    net: MCOENet, feed: Feed, clips: ClipSet, *, most: int = CLIPS, mask: str | None = None, batch: int = 64
) -> Predictions:
    """Predict every sequence of ``clips``; the network ends in evaluation mode.

    Args:
        net: on the feed's device.
        most: clips per sequence, evenly spread over it.
        mask: ``rgb`` or ``event`` to hide that stream; the network's learned stand-in takes its place.
    """
    net.eval()
    rows, index = clips.spread(most)
    sums = np.zeros((len(clips.sequences), len(EMOTIONS)))
    starts = range(0, len(rows), batch)
    for start, (rgb, voxel) in zip(starts, feed.batches(rows[i : i + batch] for i in starts), strict=True):
        out = net(None if mask == "rgb" else three_channels(rgb), None if mask == "event" else voxel)
        np.add.at(sums, index[start : start + batch], out.logits.double().softmax(-1).cpu().numpy())
    return Predictions(
        names=tuple(s.name for s in clips.sequences),
        subjects=tuple(s.subject for s in clips.sequences),
        labels=clips.labels,
        lightings=np.array([s.lighting for s in clips.sequences], np.int64),
        scores=sums / np.bincount(index, minlength=len(sums))[:, None],
    )


def log_loss(predictions: Predictions) -> float:
    """Mean negative log probability of the true class."""
    right = predictions.scores[np.arange(len(predictions.labels)), predictions.labels]
    return float(-np.log(np.maximum(right, 1e-12)).mean())
