"""Which backend a camera name means, and what is plugged in."""

from __future__ import annotations

from pathlib import Path

from mcoe.capture import align
from mcoe.capture.cameras.base import Backend, CameraListing, CameraSettings
from mcoe.capture.cameras.davis import DavisBackend
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.cameras.network import NetworkBackend
from mcoe.capture.cameras.pair import PairSource
from mcoe.capture.cameras.prophesee import PropheseeBackend
from mcoe.capture.cameras.webcam import WebcamBackend
from mcoe.core.errors import McoeError

#: What ``--camera`` takes.
NAMES = ("davis", "prophesee", "webcam", "tcp://HOST:PORT")


def backend(spec: str, *, emulate: bool = True) -> Backend:
    """Return the backend that a ``--camera`` value means.

    Args:
        spec: one of :data:`NAMES`.
        emulate: whether a webcam also delivers emulated events.

    Raises:
        McoeError: there is none of that name.
    """
    if spec == "davis":
        return DavisBackend()
    if spec == "prophesee":
        return PropheseeBackend()
    if spec == "webcam":
        return WebcamBackend(emulate)
    if "://" in spec:
        return NetworkBackend(spec)
    raise McoeError(f"There is no camera {spec!r}; choose one of {', '.join(NAMES)}.")


def list_cameras() -> list[CameraListing]:
    """Return what is plugged in; a backend without a usable device is listed with the reason."""
    backends: tuple[Backend, ...] = (
        DavisBackend(),
        PropheseeBackend(),
        WebcamBackend(),
        NetworkBackend("tcp://127.0.0.1:7777"),
    )
    return [listing for each in backends for listing in each.find()]


def open_camera(
    spec: str,
    *,
    serial: str | None = None,
    rgb: int | str | None = None,
    settings: CameraSettings | None = None,
    alignments: Path | None = None,
) -> CameraSource | PairSource:
    """Open a camera, or an event camera with a webcam beside it.

    Args:
        spec: ``davis``, ``prophesee``, ``webcam`` or ``tcp://HOST:PORT``.
        serial: which device; None takes the first.
        rgb: number of the webcam: beside an event camera, or the one that ``webcam`` opens.
        settings: what to ask of it.
        alignments: folder of the alignments kept per pair (:mod:`mcoe.capture.align`); None looks for none.

    Raises:
        McoeError: no such camera, or it cannot be opened.
    """
    number = None if rgb is None else str(rgb)
    if spec == "webcam":
        if serial is not None and number is not None and serial != number:
            raise McoeError(f"--serial {serial} and --rgb {number} name two webcams; give one of them.")
        return CameraSource(backend(spec).open, number if number is not None else serial, settings)
    camera = CameraSource(backend(spec).open, serial, settings)
    if number is None:
        return camera
    try:
        webcam = CameraSource(backend("webcam", emulate=False).open, number, settings)
    except BaseException:
        camera.close()
        raise
    try:
        pair = PairSource(camera, webcam)
    except BaseException:
        camera.close()
        webcam.close()
        raise
    try:
        kept = align.load(pair.pair, alignments) if alignments is not None else None
        if kept is not None and (kept.frame_size, kept.size) == (webcam.info.size, camera.info.size):
            pair.alignment = kept
    except McoeError:
        pair.close()
        raise
    return pair
