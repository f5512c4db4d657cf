"""Where things lie: what comes with the program, and the folders that belong to its user."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

APP = "mcoe-live"


def assets() -> Path:
    """Return the folder of the weights and recordings that come with the program.

    Installed, it lies inside the package; in a clone of the repository, beside it.
    """
    package = Path(__file__).resolve().parents[1]
    inside = package / "assets"
    return inside if inside.is_dir() else package.parent / "assets"


def config_folder() -> Path:
    """Return the user's folder of settings and alignments; it may not exist yet."""
    return _user("XDG_CONFIG_HOME", ".config")


def state_folder() -> Path:
    """Return the user's folder of logs; it may not exist yet."""
    return _user("XDG_STATE_HOME", ".local/state")


def cache_folder() -> Path:
    """Return the user's folder of what can be made again; it may not exist yet."""
    return _user("XDG_CACHE_HOME", ".cache")


def home() -> Path:
    """Return the user's home; without one, as for a service, a folder of their own among the temporary ones."""
    try:
        found = Path.home()
    except RuntimeError:
        found = Path("/")
    if found != Path("/") and os.access(found, os.W_OK):
        return found
    return Path(tempfile.gettempdir()) / f"{APP}-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _user(variable: str, below_home: str) -> Path:
    # The XDG base directory specification takes relative paths as not set.
    given = os.environ.get(variable, "")
    return (Path(given) if Path(given).is_absolute() else home() / below_home) / APP
