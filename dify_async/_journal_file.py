"""A file of JSON lines that records progress, and outlives the process that writes it."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat
import sys
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol, TypeAlias

import attrs

from dify_async._private_file import private_opener
from dify_async._types import Json
from dify_async.errors import ConfigurationError

if sys.platform == "win32":
    import msvcrt

    def _lock_file(file: io.FileIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_file(file: io.FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


@attrs.frozen
class Place:
    """Where an entry is in the file."""

    offset: int
    length: int


Taker: TypeAlias = Callable[[dict[str, Json], Place], None]
"""Takes an entry that is read; a ValueError, KeyError or TypeError means that it is not a valid one."""


class JournalFile:
    """A file of JSON lines that is only appended to.

    A process may be killed at any time: the file has all that it had written. An incomplete line at the end
    is cut off, also one that a power failure has replaced by zero bytes. The file is locked while it is open.

    Args:
        path: The file; created if it does not exist, readable by its owner only.
        first_field: The name of the first field of each entry, a string.
        used_by: Who may have it open, for the error: `batch`, for example.
    """

    def __init__(self, path: str | os.PathLike[str], *, first_field: str, used_by: str) -> None:
        self.path = Path(path)
        self._begin = f'{{"{first_field}": "'.encode()
        self._used_by = used_by
        self._file: io.FileIO | None = None
        self._size = 0

    def open(self, take: Taker) -> None:
        """Lock the file and read it.

        Raises:
            ConfigurationError: Another process has the file open, it cannot be written, or it is not a
                journal.
        """
        try:
            # Unbuffered: what could not be written must not be written later.
            self._file = file = io.FileIO(str(self.path), "a+", opener=private_opener)
        except OSError as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be opened: {exc.strerror}"
            ) from exc
        _open_files.add(self)
        try:
            self._lock(file)
            self._read(file, take)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, which unlocks it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def append(self, entry: dict[str, Json]) -> None:
        """Write an entry."""
        assert self._file is not None
        # In one piece and unbuffered: it outlives the process, however that ends.
        line = rest = json.dumps(entry, default=str).encode() + b"\n"
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            with suppress(OSError):  # Otherwise the next line would begin in the middle of this one.
                self._file.truncate(self._size)
            raise OSError(exc.errno, exc.strerror, str(self.path)) from exc
        self._size += len(line)

    def entry_at(self, place: Place) -> dict[str, Json]:
        """Return an entry that was read before."""
        assert self._file is not None
        self._file.seek(place.offset)  # Writes go to the end all the same.
        entry: dict[str, Json] = json.loads(self._file.read(place.length).decode())
        return entry

    def _read(self, file: io.FileIO, take: Taker) -> None:
        file.seek(0)
        lines = io.BufferedReader(file)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n") and self._is_torn(line):
                break
            # Entries hold no zero bytes: those are what a power failure has left of torn ones.
            entry = line.rpartition(b"\0")[2]
            if entry.strip() or not line.endswith(b"\n"):
                place = Place(self._size + len(line) - len(entry), len(entry))
                self._take(take, entry, place, number)
            self._size += len(line)
        lines.detach()
        file.truncate(self._size)

    def _take(self, take: Taker, line: bytes, place: Place, number: int) -> None:
        try:
            take(json.loads(line.decode()), place)
        except ConfigurationError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(
                f"line {number} of {str(self.path)!r} is not an entry of a journal: use another file"
            ) from None

    def _is_torn(self, end: bytes) -> bool:
        """Return True if the end of the file, which has no line break, is an entry that was not completed."""
        written = end.rstrip(b"\0")
        if not written:
            return self._size > 0  # A file of zero bytes alone is not known to be a journal.
        return written.startswith(self._begin) or self._begin.startswith(written)

    def _lock(self, file: io.FileIO) -> None:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ConfigurationError(
                f"the journal {str(self.path)!r} is not a regular file: use another path"
            )
        try:
            _lock_file(file)
        except (BlockingIOError, PermissionError):
            raise ConfigurationError(
                f"the journal {str(self.path)!r} is in use by another {self._used_by}: wait for its end, "
                "or use another file"
            ) from None
        except OSError as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be locked: {exc.strerror}"
            ) from exc


class Opens(Protocol):
    """A journal."""

    def open(self) -> None:
        """Lock the file and read it."""
        ...

    def close(self) -> None:
        """Close the file, which unlocks it."""
        ...


async def open_in_thread(journal: Opens) -> None:
    """Open a journal without blocking the event loop."""
    opening = asyncio.create_task(asyncio.to_thread(journal.open))
    try:
        await asyncio.shield(opening)
    except asyncio.CancelledError:
        # The thread continues, and would keep the file locked.
        await asyncio.wait([opening])
        if opening.exception() is None:
            journal.close()
        raise


_open_files: Final[weakref.WeakSet[JournalFile]] = weakref.WeakSet()


def _close_in_child() -> None:
    # A forked child shares the lock, and would hold it for as long as it lives.
    for file in list(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_close_in_child)
