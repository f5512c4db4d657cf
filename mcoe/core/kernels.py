"""Loops compiled by numba, whose machine code is kept in the user's cache and never beside the program."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from mcoe.core.paths import cache_folder

Returned = TypeVar("Returned")

_lock = threading.Lock()


def njit(**options: Any) -> Callable[[Callable[..., Returned]], Callable[..., Returned]]:
    """Return ``numba.njit`` with these options as a decorator.

    Left alone, numba puts ``cache=True`` code into the installed package, and where that is read-only and there is no
    home it raises. Here it goes to :func:`mcoe.core.paths.cache_folder`, unless NUMBA_CACHE_DIR names another folder;
    where nothing can be written, the loop is compiled anew in every run.
    """

    def decorate(function: Callable[..., Returned]) -> Callable[..., Returned]:
        import numba

        with _lock:
            before = numba.config.CACHE_DIR
            try:
                if options.get("cache") and not before:
                    numba.config.CACHE_DIR = str(cache_folder() / "numba")
                compiled: Callable[..., Returned] = numba.njit(**options)(function)
            except RuntimeError:  # numba found no folder that it may write to
                compiled = numba.njit(**options | {"cache": False})(function)
            finally:
                numba.config.CACHE_DIR = before
        return compiled

    return decorate
