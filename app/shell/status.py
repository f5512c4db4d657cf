"""The status line: what the pipeline costs, what it lost, where it runs."""

from __future__ import annotations

from PySide6.QtCore import QEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout

from mcoe.results import EngineInfo, PipelineStats

from ..widgets.label import Label, tip
from ..widgets.words import short

#: Key in ``PipelineStats.stage_ms``, caption, tooltip.
_STAGES = (
    ("latency", "latency ms", "From a window's completion to its result"),
    ("voxel", "voxel ms", "Events to the voxel grid"),
    ("backbone", "backbone ms", "One RGB and one event image through the ResNet-18 backbones"),
    ("head", "head ms", "MCO-Mamba, MCIB, HCE-MoE, and Grad-CAM from the head's backward pass"),
)

_DEVICE = "Where the network's head runs"
_WEIGHTS = "The file the network's weights come from"


class StatusLine(QFrame):
    """Caption over value, in cells of fixed width so that nothing moves."""

    #: Figures that change faster cannot be read, s.
    CALM_S = 0.25

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("bar")
        row = QHBoxLayout(self)
        row.setContentsMargins(12, 3, 12, 3)
        row.setSpacing(6)
        self._cells: dict[str, QLabel] = {}
        self._templates: dict[str, str] = {}
        self._add(row, "rate", "frames/s", "000.0", "Results per second over the last 5 s")
        for key, caption, hint in _STAGES:
            words = f"{hint}: median / 95th percentile over the last 5 s"
            self._add(row, key, caption, "00.0 / 000.0", words)
        hint = "Windows dropped because the network was busy (latest wins); all that was left out in the tooltip"
        self._add(row, "dropped", "dropped", "00000", hint)
        self._add(row, "events", "events/s", "000.0 M", "Events per second over the last 5 s")
        self._add(row, "device", "device", "NVIDIA H200", _DEVICE)
        self._add(row, "backbone_engine", "backbone", "openvino", "Engine that runs the backbones")
        self._add(row, "scan", "scan", "mamba_ssm", "Backend of the selective scan")
        self._add(row, "weights", "weights", "untrained", _WEIGHTS)
        self._stats: PipelineStats | None = None

    def _add(self, row: QHBoxLayout, key: str, caption: str, template: str, hint: str) -> None:
        cell = QVBoxLayout()
        cell.setSpacing(0)
        above, value = Label(caption), Label("–")
        above.setObjectName("caption")
        value.setObjectName("value")
        value.setAccessibleName(caption)
        for label in (above, value):
            label.setToolTip(hint)
            cell.addWidget(label)
        self._cells[key], self._templates[key] = value, template
        row.addLayout(cell, 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            for key, label in getattr(self, "_cells", {}).items():
                label.ensurePolished()
                label.setMinimumWidth(label.fontMetrics().horizontalAdvance(self._templates[key]))

    def text(self, key: str) -> str:
        """Return what the cell ``key`` shows."""
        return self._cells[key].text()

    def set_engine(self, engine: EngineInfo | None) -> None:
        """Show where the network runs."""
        for key, name in (("device", "device"), ("backbone_engine", "backbone"), ("scan", "scan")):
            self._set(key, "–" if engine is None else getattr(engine, name))
        notice = engine.notice if engine is not None else ""
        self._cells["device"].setToolTip(tip(notice) if notice else _DEVICE)
        _alert(self._cells["device"], bool(notice))
        self._set("weights", "–" if engine is None else engine.weights or "untrained")
        self._cells["weights"].setToolTip(_WEIGHTS if engine is None else tip(weights_words(engine)))

    def show_stats(self, stats: PipelineStats | None) -> None:
        """Show the counters; None before there is a pipeline."""
        if stats == self._stats:
            return
        self._stats = stats
        if stats is None:
            for key in ("rate", "dropped", "events", *(stage for stage, _, _ in _STAGES)):
                self._set(key, "–")
            return
        self._set("rate", f"{stats.results_per_s:.1f}")
        for key, _, _ in _STAGES:
            pair = stats.stage_ms.get(key)
            self._set(key, "–" if pair is None else f"{pair[0]:.1f} / {pair[1]:.1f}")
        dropped = self._cells["dropped"]
        self._set("dropped", f"{stats.dropped_windows:,}")
        dropped.setToolTip(tip(stats.left_out or "Nothing was left out"))
        _alert(dropped, bool(stats.left_out))
        self._set("events", short(stats.events_per_s))

    def _set(self, key: str, words: str) -> None:
        label = self._cells[key]
        if label.text() != words:
            label.setText(words)


def _alert(label: QLabel, on: bool) -> None:
    if label.property("alert") != on:
        label.setProperty("alert", on)
        label.style().unpolish(label)
        label.style().polish(label)


def weights_words(engine: EngineInfo) -> str:
    """Return what the weights were trained on and how well they were measured to do."""
    if engine.facts is None:
        return "Untrained network: its numbers are random, and its answers mean nothing"
    return f"{engine.facts.sentence}\nAll of it: Help, Weights…"
