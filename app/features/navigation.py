"""A click into the lane of the whole recording goes there."""

from __future__ import annotations

from ..core.context import Context, Feature
from ..panels.whole_recording import WholeRecordingPanel


class Navigation(Feature):
    """Wires the lane to the stream."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        context.panels.get(WholeRecordingPanel).sought.connect(context.stream.go)
