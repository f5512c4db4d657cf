"""Live cameras: ``open_camera`` and ``list_cameras``, and the backends behind them."""

from mcoe.capture.cameras.base import CameraListing, CameraSettings, Capabilities, Support
from mcoe.capture.cameras.live import CameraSource, CameraStatus
from mcoe.capture.cameras.pair import PairSource, SyncStatus
from mcoe.capture.cameras.registry import list_cameras, open_camera
from mcoe.capture.cameras.spec import CameraSpec

__all__ = [
    "CameraListing",
    "CameraSettings",
    "CameraSource",
    "CameraSpec",
    "CameraStatus",
    "Capabilities",
    "PairSource",
    "Support",
    "SyncStatus",
    "list_cameras",
    "open_camera",
]
