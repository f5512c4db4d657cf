"""The map of the experts: gathers votes while a recording plays, and opens the dialog."""

from __future__ import annotations

from mcoe.live.jobs.votes import Votes
from mcoe.results import Result

from ..core.context import Context, Feature
from ..core.early import make_early
from ..dialogs.expert_map import MapDialog


class ExpertMap(Feature):
    """Explain, Map of the experts."""

    order = 65

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.votes = Votes()
        self.dialog: MapDialog | None = None
        context.stream.result_shown.connect(self._came)
        context.stream.pipeline_changed.connect(self._changed)
        make_early(context.stream, self._made)
        hint = "t-SNE of the experts' votes over the recording (the paper's Fig. 7)"
        context.menus.add("Explain", "&Map of the experts…", "T", self.show_map, hint)

    def _came(self, result: Result, _: object) -> None:
        self.votes.add(result.prediction)

    def _changed(self, pipeline: object) -> None:
        if pipeline is None and self.dialog is not None:
            self.dialog.stop()
        if pipeline is not None:
            self.votes = Votes()
            if self.dialog is not None:
                self.dialog.forget(self.votes)

    def _made(self) -> MapDialog:
        if self.dialog is None:
            self.dialog = MapDialog(self.context, self.votes)
        return self.dialog

    def show_map(self) -> None:
        """Show the map of what was played by now."""
        self.context.show(self._made(), 1 / 2, 2 / 3)
