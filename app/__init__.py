"""The Qt application: window, panels, theme. ``run`` starts it, ``screenshot`` takes its picture."""

from app.application import run
from app.screenshot import screenshot

__all__ = ["run", "screenshot"]
