"""What the pipeline hands to whoever watches: frozen results, pulled, never pushed."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from mcoe.core.timing import WINDOW_US
from mcoe.events.packets import Events, Frame
from mcoe.model.facts import Facts

Float = NDArray[np.float32]

#: ``loading`` until there is something to show; ``ended`` with the recording, ``failed`` with an error.
PipelineState = Literal["loading", "playing", "paused", "ended", "failed", "closed"]


@dataclass(frozen=True, slots=True)
class Window:
    """One moment of the stream: a frame (or a clock tick) and the events of the window that ends with it.

    Attributes:
        index: 0, 1, 2 … along the stream; after a seek it restarts at 0 with ``epoch`` raised by one.
        epoch: counts seeks and loops.
        t0_us, t1_us: the window, µs; events satisfy ``t0_us <= timestamp < t1_us``.
        frame: the frame whose exposure ends at ``t1_us``; None where the source has no frames.
        events: the window's events, sensor coordinates; empty where the source has none.
        past: the events before those, of the windows before, that the voxel grid holds too; oldest first, none where it
            holds ``events`` alone.
        voxel_us: length of what the voxel grid holds, up to ``t1_us``, µs; None for ``t0_us`` to ``t1_us``.
        roi: ``(x, y, side)`` of the square the network sees, sensor pixels.
        rgb: ``(3, S, S)`` float32, 0..1, RGB; None without a frame.
        voxel: ``(N_b, S, S)`` float32, signed event counts per sensor pixel; None without an event stream.
        mirror: whether ``rgb`` and ``voxel`` are mirrored (a left eye).
        light: the stress of the lighting laboratory on it; None for the stream as it came.
    """

    index: int
    epoch: int
    t0_us: int
    t1_us: int
    frame: Frame | None
    events: Events
    roi: tuple[int, int, int]
    rgb: Float | None
    voxel: Float | None
    mirror: bool = False
    light: Hashable = None
    past: tuple[Events, ...] = ()
    voxel_us: int | None = None

    @property
    def voxel_span(self) -> tuple[int, int]:
        """From when to when the events of the voxel grid were, µs."""
        return (self.t0_us if self.voxel_us is None else self.t1_us - self.voxel_us), self.t1_us


@dataclass(frozen=True, slots=True)
class ExpertTrace:
    """Who voted for what, of one sample.

    Attributes:
        probabilities, logits: ``(J,)``; all logits are divided by the weights' temperature already.
        gates: ``(N_e,)`` softmax of the router, before top-k.
        chosen, weights: ``(k,)`` best first; the weights sum to 1.
        expert_logits: ``(N_e, J)`` every expert's vote, chosen or not.
        expert_kinds: ``N_e`` of ``focal``, ``attention``, ``deep``.
        alpha: ``(M,)`` gate of Eq. 8 per token, older frame first: the share of the events' content in the fused token.
    """

    probabilities: Float
    logits: Float
    gates: Float
    chosen: NDArray[np.int64]
    weights: Float
    expert_logits: Float
    expert_kinds: tuple[str, ...]
    alpha: Float


@dataclass(frozen=True, slots=True)
class Prediction(ExpertTrace):
    """What the network says of one window, and why: the expert trace and Grad-CAM.

    Attributes:
        cam_rgb, cam_event: ``(m, h, w)`` Grad-CAM, >= 0 and not normalised, older frame first; None when not asked for
            or without that modality.
        cam_class: the class that Grad-CAM explains.
        cam_versus: the class whose evidence was taken off it (then the maps are signed); None for plain Grad-CAM.
        stride: windows between the older and the newer frame of the pair; smaller right after a start or seek.
        rgb_only, event_only: ``(J,)`` probabilities of the same moment with the other modality hidden; None when not
            asked for or where only one modality is there.
    """

    cam_rgb: Float | None
    cam_event: Float | None
    cam_class: int
    cam_versus: int | None
    stride: int
    rgb_only: Float | None
    event_only: Float | None


@dataclass(frozen=True, slots=True)
class Question:
    """What to explain beside the prediction itself.

    Attributes:
        cam: compute Grad-CAM.
        target: class that it explains; None for the predicted one.
        versus: a second class, whose evidence is taken off the first's ("why this and not that").
        layer: maps that Grad-CAM weighs: ``stage4`` (4×4 at S = 100) or ``stage3`` (7×7, finer and slower).
        readings: also say what RGB alone and events alone would have said.
    """

    cam: bool = True
    target: int | None = None
    versus: int | None = None
    layer: Literal["stage4", "stage3"] = "stage4"
    readings: bool = False


@dataclass(frozen=True, slots=True)
class Stressed:
    """The same moment under the lighting laboratory's light."""

    window: Window
    prediction: Prediction


@dataclass(frozen=True, slots=True)
class Result:
    """One window with its prediction, the older window it was paired with, and what it cost.

    ``stressed`` is the same moment under another light, ``second`` what another set of weights says; None when off.

    ``stage_ms`` holds milliseconds per stage: ``voxel``, ``backbone``, ``head``, and ``latency`` up to this result: of
    a live source from the arrival of the packet that completed the window, of a recording from when it was due.
    """

    window: Window
    older: Window
    prediction: Prediction
    stage_ms: dict[str, float]
    stressed: Stressed | None = None
    second: Prediction | None = None


@dataclass(frozen=True, slots=True)
class PipelineStats:
    """Counters and figures over the last 5 s; ``(median, p95)`` in ms per stage.

    ``events_per_s`` is what the source sends, ``kept_per_s`` what the noise filter leaves of it, both per second of
    stream time.

    ``lost_frames`` and ``lost_events`` are those that the source could not use (damaged, out of order, off the sensor,
    of another size), ``lost_packets`` those that a camera sent faster than they were read.
    """

    state: PipelineState
    error: str | None
    position_us: int
    results: int
    results_per_s: float
    dropped_packets: int
    dropped_windows: int
    late_events: int
    events_per_s: float
    kept_per_s: float = 0.0
    stage_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    lost_frames: int = 0
    lost_events: int = 0
    lost_packets: int = 0

    @property
    def left_out(self) -> str:
        """One sentence on everything that no prediction has seen; empty if nothing was left out."""
        told = [
            f"{count:,} {words}"
            for count, words in (
                (self.lost_frames, "frames that the source could not use"),
                (self.lost_events, "events that the source could not use"),
                (self.lost_packets, "packets that the camera sent too fast"),
                (self.dropped_packets, "packets that were not awaited"),
                (self.dropped_windows, "windows that the network had no time for"),
                (self.late_events, "events that came too late for their window"),
            )
            if count
        ]
        return f"Left out: {', '.join(told)}." if told else ""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the window says of the engine.

    Attributes:
        trained: whether the weights hold a record of their training.
        weights: the weights file's name; empty for an untrained network.
        size, bins: the input's S and N_b.
        facts: what the weights file says of itself; None for an untrained network.
        window_us: length of the event window that the network wants, µs.
        notice: one sentence on why it does not run where it was asked to; empty while it does.
    """

    device: str
    backbone: str
    scan: str
    trained: bool
    weights: str
    size: int
    bins: int
    facts: Facts | None = None
    window_us: int = WINDOW_US
    notice: str = ""
