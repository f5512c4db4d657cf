"""One modality that stops while the other goes on: a sentence when it goes, and when it is back."""

from __future__ import annotations

from mcoe.results import Result

from ..core.context import Context, Feature

#: Modality, and what the user calls it.
_NAMES = {"rgb": "frames", "voxel": "events"}


class Missing(Feature):
    """Watches what the network was shown: what the source promises and a window lacks, a learned stand-in replaces."""

    order = 55

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        #: What is missing now, as the user calls it.
        self.missing: frozenset[str] = frozenset()
        context.stream.pipeline_changed.connect(self._opened)
        context.stream.result_shown.connect(self.look)

    def _opened(self, pipeline: object) -> None:
        self.missing = frozenset()

    def look(self, result: Result, history: object = None) -> None:
        """Say what has stopped or come back since the last window."""
        source = self.context.stream.source
        if source is None:
            return
        there = {"rgb": source.has_frames, "voxel": source.has_events}
        missing = frozenset(
            words for name, words in _NAMES.items() if there[name] and getattr(result.window, name) is None
        )
        gone, back = missing - self.missing, self.missing - missing
        self.missing = missing
        for words in gone:
            self.context.notices.fail(
                f"No {words} come any more; the network's stand-in takes their place until they are back."
            )
        for words in back:
            self.context.notices.say(f"The {words} are back.")
