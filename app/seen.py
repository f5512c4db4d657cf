"""A network that looks where the user made it look, for jobs that read a recording beside the window."""

from __future__ import annotations

from dataclasses import replace

from mcoe.events.roi import rgb_input, voxel_input
from mcoe.live.protocols import Stepper
from mcoe.live.result import Prediction, Question, View, Window


class Seen:
    """An engine that cuts every window anew where ``view`` lies; another :class:`~mcoe.live.protocols.Stepper`.

    Args:
        engine: answers.
        size: sensor ``(width, height)``, px.
        view: where the eye is.
    """

    def __init__(self, engine: Stepper, size: tuple[int, int], view: View) -> None:
        self._engine, self._size, self._view = engine, size, view
        self.info = engine.info

    def step(self, older: Window, window: Window, question: Question) -> tuple[Prediction, dict[str, float]]:
        """Answer as the engine does. Raises McoeError as it does."""
        return self._engine.step(self.cut(older), self.cut(window), question)

    def cut(self, window: Window) -> Window:
        """Return the window as it is where the view lies."""
        view, rgb, voxel = self._view, window.rgb, window.voxel
        if window.frame is not None:
            rgb = view.seen(rgb_input(window.frame.image, view.roi, self.info.size))
        if voxel is not None:
            span = window.t0_us, window.t1_us
            voxel = view.seen(voxel_input(window.events, span, self._size, view.roi, self.info.size, self.info.bins))
        return replace(window, roi=view.roi, mirror=view.mirror, rgb=rgb, voxel=voxel)
