"""Where things lie: what comes with the program, and the folders that belong to its user."""

from __future__ import annotations

import functools
import os
import stat
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


def keep_to_own_folders() -> None:
    """Point libraries that keep something of their own, unasked, to :func:`cache_folder`; before they are imported.

    torch makes a folder among the temporary files. Whoever named another place keeps it; where ours cannot be made,
    torch would fail, and is left to its own.
    """
    folder = cache_folder() / "torch"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(folder))


def home() -> Path:
    """Return the user's home; without one, as for a service, a folder of their own among the temporary ones."""
    try:
        found = Path.home()
    except RuntimeError:
        return _temporary_home()
    fit = found.is_absolute() and found != Path("/") and found.is_dir() and os.access(found, os.W_OK)
    return found if fit else _temporary_home()


@functools.cache
def _temporary_home() -> Path:
    # Made at once, and only for its user: compiled code is read from below it, and anybody may write to /tmp.
    try:
        folder = Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            there = folder.lstat()
            if not stat.S_ISDIR(there.st_mode) or there.st_uid != os.getuid() or there.st_mode & 0o022:
                return Path(tempfile.mkdtemp(prefix=f"{APP}-"))
    except OSError:
        return Path("/nonexistent")  # as Debian writes it: whoever writes there is told
    return folder


def _user(variable: str, below_home: str) -> Path:
    # The XDG base directory specification takes relative paths as not set.
    given = os.environ.get(variable, "")
    return (Path(given) if Path(given).is_absolute() else home() / below_home) / APP
