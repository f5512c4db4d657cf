"""The settings dialog, and what it sets put into effect."""

from __future__ import annotations

from dataclasses import replace

from mcoe.core.device import pick_device

from ..core.context import Context, Feature
from ..core.settings import DEFAULTS, Values
from ..dialogs.settings import SettingsDialog
from ..panels.emotions import EmotionPanel


def has_gpu() -> bool:
    """Return whether the network could run on a GPU here."""
    return pick_device("auto").type == "cuda"


class Preferences(Feature):
    """Applies what is kept when the window starts, and what is chosen later.

    The command line wins over what is kept: an option that it gave stays for this run, until the dialog sets another.
    """

    order = 70

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.dialog: SettingsDialog | None = None
        self._given = context.workbench.given
        self._apply()
        context.settings.changed.connect(lambda _: self._apply())
        context.stream.opening.connect(self._opening)
        context.stream.failed.connect(self._help_without_gpu)
        self._failed = False
        context.menus.add("Tools", "&Settings…", "Ctrl+,", self.show, "Device, precision, gap, smoothing, filter")

    @property
    def values(self) -> Values:
        """The settings in effect: those kept, and over them what the command line gave."""
        return replace(self.context.settings.values, **self._given)  # type: ignore[arg-type]  # fields' names

    def show(self) -> None:
        """Show the dialog."""
        dialog = self.dialog = SettingsDialog(self.context.parent, self.values, has_gpu())
        dialog.chosen.connect(self.choose)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()

    def choose(self, changes: dict[str, object]) -> None:
        """Keep these settings and put them into effect; the source is opened anew where they need that."""
        before = self.values
        self._given = {name: value for name, value in self._given.items() if name not in changes}
        self.context.settings.update(**changes)
        self._apply()  # also where nothing that is kept changed, and only the command line no longer counts
        stream, now = self.context.stream, self.values
        engine = [(v.device, v.backbone, v.stride) for v in (before, now)]
        if engine[0] != engine[1] and (self._failed or stream.pipeline is not None):
            stream.reopen()

    def _apply(self) -> None:
        values, workbench = self.values, self.context.workbench
        workbench.options = replace(workbench.options, device=values.device, backbone=values.backbone)
        workbench.stride = values.stride or None
        self.context.panels.get(EmotionPanel).smooth_us = round(values.smoothing_s * 1e6)

    def _opening(self) -> None:
        self._failed = False

    def _help_without_gpu(self, words: str) -> None:
        self._failed = True
        values = self.values
        wanted = values.device == "cuda" or values.backbone == "cuda_graph"
        if wanted and "GPU" in words and not has_gpu():
            backbone = DEFAULTS.backbone if values.backbone == "cuda_graph" else values.backbone
            calm: dict[str, object] = {"device": DEFAULTS.device, "backbone": backbone}
            self.context.notices.offer("no gpu", "No GPU to run on", "Run on the CPU", lambda: self.choose(calm))
