"""Finds the face data pack for tests, or skips them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mcoe.data.virtual_eye.face import FACE_ENV
from tests.shared import SHARED


def face_folder() -> Path:
    """Return the pack's folder, or skip the test."""
    folder = Path(os.environ.get(FACE_ENV, SHARED / "face"))
    if not any((folder / sub / "eye_region.npz").is_file() for sub in (".", "data")):
        pytest.skip(f"no face data pack on this machine ({FACE_ENV} names its folder)")
    return folder
