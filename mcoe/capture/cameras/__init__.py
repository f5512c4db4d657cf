"""Live cameras: listed, opened by name, and read as sources that survive an unplugged cable."""

from mcoe.capture.cameras.base import CameraKind, CameraListing, CameraSettings, Capabilities, Support
from mcoe.capture.cameras.kinds import camera_kinds
from mcoe.capture.cameras.live import CameraSource, CameraState, CameraStatus
from mcoe.capture.cameras.opening import list_cameras, open_camera
from mcoe.capture.cameras.pair import PairSource, SyncStatus
from mcoe.capture.cameras.spec import CameraSpec

__all__ = [
    "CameraKind",
    "CameraListing",
    "CameraSettings",
    "CameraSource",
    "CameraSpec",
    "CameraState",
    "CameraStatus",
    "Capabilities",
    "PairSource",
    "Support",
    "SyncStatus",
    "camera_kinds",
    "list_cameras",
    "open_camera",
]
