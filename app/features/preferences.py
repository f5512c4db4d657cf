"""What the settings dialog keeps between runs, and puts into effect."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QSettings

from mcoe.core.device import pick_device
from mcoe.live.engine.backbones import BACKBONES

from .eye import Eye

if TYPE_CHECKING:
    from ..shell.window import MainWindow

DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Values:
    """The settings.

    Attributes:
        device: ``auto``, ``cpu`` or ``cuda``.
        backbone: engine and with it the precision of the ResNets, one of :data:`mcoe.live.engine.backbones.BACKBONES`.
        stride: gap of the frame pair, frames at 30 Hz, 1 … 30; 0 for the one that the weights were trained with.
        smoothing_s: time constant of the smoothed bars, s, 0 … 2.
        filter_ms: how long before an event a neighbour must have fired, ms, 0.5 … 10.
    """

    device: str = "auto"
    backbone: str = "auto"
    stride: int = 0
    smoothing_s: float = 0.4
    filter_ms: float = 2.0


DEFAULTS = Values()


def has_gpu() -> bool:
    """Return whether the network could run on a GPU here."""
    return pick_device("auto").type == "cuda"


def kept(settings: QSettings) -> Values:
    """Read the settings; what is missing, or was never valid, is its default."""
    found = {}
    for field in fields(Values):
        default = getattr(DEFAULTS, field.name)
        try:
            found[field.name] = type(default)(settings.value(f"settings/{field.name}", default))
        except (TypeError, ValueError):
            found[field.name] = default
    values = Values(**found)
    limits = {"stride": (0, 30), "smoothing_s": (0, 2), "filter_ms": (0.5, 10)}
    wrong = [name for name, (low, high) in limits.items() if not low <= getattr(values, name) <= high]
    wrong += ["device"] * (values.device not in DEVICES) + ["backbone"] * (values.backbone not in BACKBONES)
    return replace(values, **{name: getattr(DEFAULTS, name) for name in wrong})


class Preferences(QObject):
    """Applies what is kept when the window starts, and what is chosen later.

    The command line wins over what is kept: an option that it set stays for this run.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.values = kept(window.settings)
        options, stride = window.workbench.options, window.workbench.stride
        self._apply(
            replace(
                self.values,
                device=options.device if options.device != DEFAULTS.device else self.values.device,
                backbone=options.backbone if options.backbone != DEFAULTS.backbone else self.values.backbone,
                stride=self.values.stride if stride is None else stride,
            )
        )
        window.message.shown.connect(self._help_without_gpu)
        window.menus.add("Tools", "&Settings…", "Ctrl+,", self.show, "Device, precision, gap, smoothing, filter")

    def show(self) -> None:
        """Show the dialog."""
        from ..dialogs.settings import SettingsDialog

        dialog = SettingsDialog(self._window, self.values, has_gpu())
        dialog.chosen.connect(self.choose)
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        self.dialog = dialog

    def choose(self, values: Values) -> None:
        """Keep these settings and put them into effect; the source is opened anew where they need that."""
        before = self.values
        for name, value in asdict(values).items():
            self._window.settings.setValue(f"settings/{name}", value)
        self._apply(values)
        engine = [(v.device, v.backbone, v.stride) for v in (before, values)]
        failed = self._window.message.isVisible() and self._window.message.kind in ("failed", "no gpu")
        if engine[0] != engine[1] and (failed or self._window.pipeline is not None):
            self._window.open(self._window.path)

    def _help_without_gpu(self) -> None:
        message, values = self._window.message, self.values
        wanted = values.device == "cuda" or values.backbone == "cuda_graph"
        if message.kind == "failed" and wanted and "GPU" in message.words.text() and not has_gpu():
            calm = replace(
                values, device="auto", backbone="auto" if values.backbone == "cuda_graph" else values.backbone
            )
            message.offer("no gpu", "No GPU to run on", "Run on the CPU", lambda: self.choose(calm))

    def _apply(self, values: Values) -> None:
        window, self.values = self._window, values
        bench = window.workbench
        bench.options = replace(bench.options, device=values.device, backbone=values.backbone)
        bench.stride = values.stride or None
        window.emotions.smooth_us = round(values.smoothing_s * 1e6)
        window.feature(Eye).set_reach(round(values.filter_ms * 1000))
