"""The program's log: a file in the user's state folder, warnings on stderr, and whoever wants to hear of errors."""

from __future__ import annotations

import logging
import logging.handlers
import os
import platform
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import TextIOWrapper
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from mcoe.core.files import private_folder
from mcoe.core.paths import APP, state_folder

Level = Literal["debug", "info", "warning", "error"]
LEVELS: tuple[Level, ...] = ("debug", "info", "warning", "error")

#: The file is set aside when it grows over this, bytes, and so many such files are kept.
LARGEST, KEPT = 1_000_000, 3
#: Loggers of our own, at the level asked for; other people's keep to warnings.
_OURS = ("mcoe", "mcoe_live", "app")


@dataclass(frozen=True, slots=True)
class LoggedError:
    """What a listener is told of an error.

    Attributes:
        message: what went wrong, as the log's line has it.
        detail: the traceback, or an empty string.
        thread: name of the thread that logged it.
    """

    message: str
    detail: str
    thread: str


Listener = Callable[[LoggedError], None]


def start_log(level: Level = "info", folder: Path | None = None) -> None:
    """Keep a log from now on, in a file that nobody else may read, made when there is something to write.

    Uncaught exceptions of the main thread, of other threads and of finalisers are logged too, and printed as before.
    It never fails the program: what the file cannot take goes to stderr, and why is said once. A second call replaces
    what the first has set up.

    Args:
        level: least that the file keeps; stderr gets warnings and errors.
        folder: where the file goes; None for :func:`mcoe.core.paths.state_folder`.
    """
    global _log
    stop_log()
    _log = _Log(level, folder)


def stop_log() -> None:
    """Close the file and hand exceptions back to whom they went before; without a log, nothing."""
    global _log
    if _log is not None:
        _log.close()
        _log = None


def log_file() -> Path | None:
    """Return the file that the log goes to, which may not exist yet; None without one, or where it can't be written."""
    return _log.file.path if _log is not None else None


def subscribe(listener: Listener) -> Callable[[], None]:
    """Tell ``listener`` of every error logged from now on, in the thread that logs it; return what ends that."""
    return _listeners.add(listener)


class _Listeners(logging.Handler):
    """Passes errors on. A listener that fails is told of on stderr and harms neither the others nor the caller."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self._listeners: tuple[Listener, ...] = ()
        self._change = threading.Lock()

    def add(self, listener: Listener) -> Callable[[], None]:
        def remove() -> None:
            with self._change:
                self._listeners = tuple(other for other in self._listeners if other is not listener)

        with self._change:
            self._listeners = (*self._listeners, listener)
        return remove

    def emit(self, record: logging.LogRecord) -> None:
        detail = "".join(_FORMAT.formatException(record.exc_info)) if record.exc_info else ""
        told = LoggedError(record.getMessage(), detail, record.threadName or "")
        for listener in self._listeners:
            try:
                listener(told)
            except Exception:
                self.handleError(record)


class _File(logging.handlers.RotatingFileHandler):
    """The file, opened with its first record; when it cannot be written, stderr says so once and it keeps nothing."""

    def __init__(self, folder: Path | None, level: int) -> None:
        self.path: Path | None = (folder or state_folder()).absolute() / f"{APP}.log"
        super().__init__(self.path, maxBytes=LARGEST, backupCount=KEPT - 1, encoding="utf-8", delay=True)
        self.setLevel(level)

    def _open(self) -> TextIOWrapper[Any]:
        path = Path(self.baseFilename)
        private_folder(path.parent)
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        stream = os.fdopen(handle, "a", encoding="utf-8", errors="backslashreplace")
        stream.write(_heading())
        return stream

    def emit(self, record: logging.LogRecord) -> None:
        if self.path is not None:
            super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:
        error = sys.exc_info()[1]
        if isinstance(error, OSError) and self.path is not None:
            print(f"{APP}: no log is kept, {self.path} cannot be written ({error.strerror}).", file=sys.stderr)
            self.path = None
        elif not isinstance(error, OSError):
            super().handleError(record)


class _Screen(logging.Handler):
    """Prints on what is stderr now: a test, or a program around us, may have put another one there."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


class _Log:
    """Everything that :func:`start_log` sets up."""

    def __init__(self, level: Level, folder: Path | None) -> None:
        number = getattr(logging, level.upper())
        self.file = _File(folder, number)
        self.file.setFormatter(_FORMAT)
        screen = _Screen(logging.WARNING)
        screen.setFormatter(logging.Formatter(f"{APP}: %(message)s"))
        # An uncaught exception was printed by the hook that had been there before ours.
        screen.addFilter(lambda record: not getattr(record, "printed", False))
        self._handlers: tuple[logging.Handler, ...] = (self.file, screen, _listeners)
        root = logging.getLogger()
        for handler in self._handlers:
            root.addHandler(handler)
        self._levels = {name: logging.getLogger(name).level for name in _OURS}
        for name in _OURS:
            logging.getLogger(name).setLevel(min(number, logging.WARNING))
        self._hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._uncaught, self._in_thread, self._unraisable

    def close(self) -> None:
        sys.excepthook, threading.excepthook, sys.unraisablehook = self._hooks
        root = logging.getLogger()
        for handler in self._handlers:
            root.removeHandler(handler)
        for name, level in self._levels.items():
            logging.getLogger(name).setLevel(level)
        self.file.close()

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        self._hooks[0](kind, error, trace)
        if issubclass(kind, Exception):
            _tell(f"An unexpected {kind.__name__}: {error}", kind, error, trace)

    def _in_thread(self, args: threading.ExceptHookArgs) -> None:
        self._hooks[1](args)
        if args.exc_value is not None and issubclass(args.exc_type, Exception):
            where = args.thread.name if args.thread is not None else "a thread"
            words = f"An unexpected {args.exc_type.__name__} ended {where}: {args.exc_value}"
            _tell(words, args.exc_type, args.exc_value, args.exc_traceback)

    def _unraisable(self, args: sys.UnraisableHookArgs) -> None:
        self._hooks[2](args)
        if args.exc_value is not None:
            words = f"{args.err_msg or 'An exception was ignored in'} {args.object!r}: {args.exc_value}"
            _tell(words, args.exc_type, args.exc_value, args.exc_traceback)


def _tell(words: str, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    logging.getLogger("mcoe").error(words, exc_info=(kind, error, trace), extra={"printed": True})


def _heading() -> str:
    """The lines that a bug report needs and nobody remembers to add."""
    try:
        ours = version(APP)
    except PackageNotFoundError:  # run from a clone that is not installed
        ours = "from a clone"
    began = time.strftime("%Y-%m-%d %H:%M:%S %z")
    return f"--- {began} {APP} {ours}, Python {platform.python_version()}, {platform.platform()}\n"


_FORMAT = logging.Formatter("%(asctime)s %(levelname)s %(name)s [%(threadName)s] %(message)s")
_listeners = _Listeners()
_log: _Log | None = None
