"""Which kinds of camera there are, and which one a name means."""

from __future__ import annotations

from mcoe.capture.cameras.base import CameraKind
from mcoe.core.discovery import public_modules
from mcoe.core.errors import McoeError


def camera_kinds() -> dict[str, CameraKind]:
    """Return every kind by its name, in the order of the names; those that are called by an address come last."""
    kinds: list[CameraKind] = [module.KIND for module in public_modules("mcoe.capture.cameras.backends")]
    return {kind.name: kind for kind in sorted(kinds, key=lambda kind: (kind.address is not None, kind.name))}


def kind_of(name: str) -> CameraKind:
    """Return the kind that a ``--camera`` value means. Raises McoeError, with what there is, if there is none."""
    kinds = camera_kinds()
    for kind in kinds.values():
        if name == kind.name if kind.address is None else name.startswith(kind.address.scheme):
            return kind
    known = ", ".join(kind.called for kind in kinds.values())
    raise McoeError(f"There is no camera {name!r}; choose one of {known}.")


def frame_kind() -> CameraKind:
    """Return the kind whose devices ``--rgb`` counts: the one that can stand beside an event camera."""
    return next(kind for kind in camera_kinds().values() if kind.beside is not None)
