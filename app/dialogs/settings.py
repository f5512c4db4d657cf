"""Settings: where and how the network runs, and how calm the bars are."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtGui import QIcon, QStandardItemModel
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QFormLayout, QVBoxLayout, QWidget

from mcoe.core.device import DEVICES

from ..core.settings import DEFAULTS, ENGINES, Values
from ..widgets.controls import Choice
from ..widgets.dial import Dial
from ..widgets.label import Label

_ENGINES = {
    "auto": "the fastest there is",
    "openvino": "OpenVINO, float32 on the CPU",
    "torch": "PyTorch, the reference",
    "cuda_graph": "CUDA graph, half precision on the GPU",
}
_DEVICES = {"auto": "GPU if there is one", "cpu": "CPU", "cuda": "NVIDIA GPU"}


class SettingsDialog(QDialog):
    """Shows values and gives back those chosen; it changes nothing itself.

    Args:
        gpu: whether there is one; without, what needs it is shown and cannot be chosen.
    """

    #: The settings chosen, by their names in :class:`~app.core.settings.Values`.
    chosen = Signal(object)

    def __init__(self, parent: QWidget, values: Values, gpu: bool = True) -> None:
        super().__init__(parent)
        self.setWindowTitle("Settings")
        self.device = _choice("Device", {name: _DEVICES[name] for name in DEVICES}, "Where the network runs")
        self.backbone = _choice("Precision and engine", {n: _ENGINES[n] for n in ENGINES}, "What runs the ResNets")
        self.stride = Dial("gap of the frame pair", 0, 30, 1, 0,
                           lambda v: f"{v:.0f} frames = {v / 30:.2f} s" if v else "as the network learnt it",
                           "How far apart the two frames are, at 30 Hz; far left is what the weights were trained "
                           "with.")  # fmt: skip
        self.smoothing = Dial("smoothing of the bars", 0, 2, 0.1, 0.4, lambda v: f"{v:.1f} s" if v else "none",
                              "Time constant of the smoothed bars; the white tick is never smoothed.")  # fmt: skip
        self.noise = Dial("noise filter's reach", 0.5, 10, 0.5, 2, lambda v: f"{v:g} ms",
                          "An event stays if a neighbour fired this shortly before it; N filters.")  # fmt: skip
        if not gpu:
            _rule_out(self.device, "cuda", "none found")
            _rule_out(self.backbone, "cuda_graph", "no GPU found")
        form = QFormLayout()
        form.setVerticalSpacing(10)
        form.addRow("Device", self.device)
        form.addRow("Precision and engine", self.backbone)
        note = Label("Another device, engine or gap opens the source anew.")
        note.setObjectName("panelNote")
        kinds = QDialogButtonBox.StandardButton
        self.buttons = QDialogButtonBox(kinds.Ok | kinds.Cancel | kinds.RestoreDefaults)
        self.buttons.accepted.connect(self._accept)
        self.buttons.rejected.connect(self.reject)
        self.buttons.button(kinds.RestoreDefaults).clicked.connect(lambda: self.show_values(DEFAULTS))
        self.buttons.button(kinds.Ok).setObjectName("primary")
        self.buttons.button(kinds.RestoreDefaults).setText("Restore defaults")
        for button in self.buttons.buttons():
            button.setIcon(QIcon())  # the desktop's own icons belong to another palette
        box = QVBoxLayout(self)
        pad = self.fontMetrics().height()
        box.setContentsMargins(pad, pad, pad, pad)
        box.setSpacing(pad * 2 // 3)
        box.addLayout(form)
        for dial in (self.stride, self.smoothing, self.noise):
            box.addWidget(dial)
        box.addWidget(note)
        box.addWidget(self.buttons)
        self.setMinimumWidth(34 * pad)
        self.show_values(values)

    def show_values(self, values: Values) -> None:
        """Show ``values`` on the controls."""
        self.device.setCurrentIndex(self.device.findData(values.device))
        self.backbone.setCurrentIndex(self.backbone.findData(values.backbone))
        self.stride.set_value(values.stride)
        self.smoothing.set_value(values.smoothing_s)
        self.noise.set_value(values.filter_ms)

    @property
    def values(self) -> dict[str, object]:
        """What the controls show, by the settings' names."""
        return {
            "device": self.device.currentData(), "backbone": self.backbone.currentData(),
            "stride": round(self.stride.value), "smoothing_s": round(self.smoothing.value, 1),
            "filter_ms": round(self.noise.value, 1),
        }  # fmt: skip

    def _accept(self) -> None:
        self.chosen.emit(self.values)
        self.accept()


def _choice(name: str, words: dict[str, str], hint: str) -> Choice:
    choice = Choice()
    choice.setAccessibleName(name)
    choice.setToolTip(hint)
    for key, text in words.items():
        choice.addItem(text, key)
    return choice


def _rule_out(choice: Choice, key: str, reason: str) -> None:
    """Leave an entry in its place, with why it cannot be chosen."""
    index = choice.findData(key)
    choice.setItemText(index, f"{choice.itemText(index)} ({reason})")
    model = choice.model()
    assert isinstance(model, QStandardItemModel)
    model.item(index).setEnabled(False)
