"""What is plugged in, and cameras opened by name."""

from __future__ import annotations

from pathlib import Path

from mcoe.capture import align
from mcoe.capture.cameras.base import CameraListing, CameraSettings
from mcoe.capture.cameras.kinds import camera_kinds, frame_kind, kind_of
from mcoe.capture.cameras.live import CameraSource
from mcoe.capture.cameras.pair import PairSource
from mcoe.core.errors import McoeError


def list_cameras() -> list[CameraListing]:
    """Return what is plugged in; a kind without a usable device is listed with the reason."""
    return [listing for kind in camera_kinds().values() for listing in kind.backend().find()]


def open_camera(
    name: str,
    *,
    serial: str | None = None,
    rgb: int | str | None = None,
    settings: CameraSettings | None = None,
    alignments: Path | None = None,
) -> CameraSource | PairSource:
    """Open a camera, or an event camera with a webcam beside it.

    Args:
        name: of a kind (:func:`~mcoe.capture.cameras.kinds.camera_kinds`), or an address: ``tcp://HOST:PORT``.
        serial: which device; None takes the first.
        rgb: number of the webcam: beside an event camera, or the one that ``webcam`` opens.
        settings: what to ask of it.
        alignments: folder of the alignments kept per pair (:mod:`mcoe.capture.align`); None looks for none.

    Raises:
        McoeError: no such camera, or it cannot be opened.
    """
    kind = kind_of(name)
    number = None if rgb is None else str(rgb)
    if kind.beside is not None:
        if serial is not None and number is not None and serial != number:
            raise McoeError(f"--serial {serial} and --rgb {number} name two {kind.name}s; give one of them.")
        return CameraSource(kind.backend().open, number if number is not None else serial, settings)
    camera = CameraSource(kind.backend().open, serial if kind.address is None else name, settings)
    beside = frame_kind().beside
    if number is None or beside is None:
        return camera
    try:
        webcam = CameraSource(beside().open, number, settings)
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
