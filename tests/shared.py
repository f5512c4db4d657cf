"""Where the shared test material lies, beside the checkout or where MCOE_SHARED says; tests skip where it is absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("MCOE_SHARED", Path(__file__).resolve().parents[2] / "shared"))


def recording(name: str) -> Path:
    """Return the path of a real event-camera recording, or skip the test."""
    path = SHARED / "recordings" / name
    if not path.exists():
        pytest.skip(f"the recording {name} is not on this machine (MCOE_SHARED names its folder)")
    return path
