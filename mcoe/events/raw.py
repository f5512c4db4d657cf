"""Raw events of the virtual data set on disk: ``raw/<sequence>.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mcoe.core.errors import McoeError
from mcoe.events.packets import Events, make_events


def read_raw(path: Path) -> tuple[Events, NDArray[np.int64]]:
    """Read ``raw/<sequence>.npz``: the events, and each frame's end in µs, ``(n,)`` int64 by frame number.

    Raises:
        McoeError: the file is damaged or lacks an array.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            events = make_events(arrays["timestamp"], arrays["x"], arrays["y"], arrays["polarity"])
            return events, np.asarray(arrays["frame_end_us"], np.int64)
    except Exception as error:  # zipfile, zlib and numpy raise a dozen kinds for a damaged file
        raise McoeError(f"The event file {path} is damaged; render or copy it again.") from error
