"""A file of JSON Lines that records progress, and survives a kill of the process that writes it."""

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
from typing import Final, Protocol, TypeAlias

import attrs

from dify_async._local_files import CANNOT_OPEN, checked_path, reason_of
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
class EntryPosition:
    """Position of an entry in the file, in bytes."""

    offset: int
    length: int


EntryHandler: TypeAlias = Callable[[dict[str, Json], EntryPosition], None]
"""Called with each entry that is read; raises ValueError, KeyError or TypeError for an invalid entry."""


class JournalFile:
    """A file of JSON Lines to which entries are only appended.

    The process may be killed at any time: the file has all entries that it wrote. An incomplete line at the
    end is removed, also one that a power failure has replaced by zero bytes. The file is locked while it is
    open.

    Args:
        path: The file. It is created if it does not exist; only its owner can read it.
        first_field: The name of the first field of each entry, which must be a string.
        used_by: The kind of object that uses the file, for the error message: `batch`, for example.
    """

    def __init__(self, path: str | os.PathLike[str], *, first_field: str, used_by: str) -> None:
        self.path = checked_path(path, "journal")
        self._begin = f'{{"{first_field}": "'.encode()
        self._used_by = used_by
        self._file: io.FileIO | None = None
        self._size = 0

    def open(self, handle: EntryHandler) -> None:
        """Lock the file, and call `handle` for each entry.

        Raises:
            ConfigurationError: Another process has the file open, it cannot be written, or it is not a
                journal.
        """
        try:
            # Unbuffered: data that could not be written must not be written later.
            self._file = file = io.FileIO(str(self.path), "a+", opener=private_opener)
        except CANNOT_OPEN as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be opened: {reason_of(exc)}"
            ) from exc
        _open_files.add(self)
        try:
            self._lock(file)
            self._read(file, handle)
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
        # In one unbuffered write, so that the entry survives a kill of the process.
        line = rest = json.dumps(entry, default=str).encode() + b"\n"
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            with suppress(OSError):  # Otherwise the next entry would start in the middle of this line.
                self._file.truncate(self._size)
            raise OSError(exc.errno, exc.strerror, str(self.path)) from exc
        self._size += len(line)

    def entry_at(self, position: EntryPosition) -> dict[str, Json]:
        """Return an entry that was read before."""
        assert self._file is not None
        self._file.seek(position.offset)  # Writes still go to the end of the file.
        entry: dict[str, Json] = json.loads(self._file.read(position.length).decode())
        return entry

    def _read(self, file: io.FileIO, handle: EntryHandler) -> None:
        file.seek(0)
        lines = io.BufferedReader(file)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n") and self._is_torn(line):
                break
            # Entries contain no zero bytes: a power failure has left these in place of an incomplete entry.
            entry = line.rpartition(b"\0")[2]
            if entry.strip() or not line.endswith(b"\n"):
                position = EntryPosition(self._size + len(line) - len(entry), len(entry))
                self._decode(handle, entry, position, number)
            self._size += len(line)
        lines.detach()
        file.truncate(self._size)

    def _decode(self, handle: EntryHandler, line: bytes, position: EntryPosition, number: int) -> None:
        try:
            handle(json.loads(line.decode()), position)
        except ConfigurationError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(
                f"line {number} of {str(self.path)!r} is not an entry of a journal: use another file"
            ) from None

    def _is_torn(self, end: bytes) -> bool:
        """Return True if the end of the file, which has no line break, is an incomplete entry."""
        written = end.rstrip(b"\0")
        if not written:
            return self._size > 0  # A file that contains only zero bytes may not be a journal.
        return written.startswith(self._begin) or self._begin.startswith(written)

    def _lock(self, file: io.FileIO) -> None:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ConfigurationError(
                f"the journal {str(self.path)!r} must be a regular file: use another path"
            )
        try:
            _lock_file(file)
        except (BlockingIOError, PermissionError):
            raise ConfigurationError(
                f"the journal {str(self.path)!r} is in use by another {self._used_by}: wait until it ends, "
                "or use another file"
            ) from None
        except OSError as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be locked: {exc.strerror}"
            ) from exc


def text_in(entry: dict[str, Json], name: str) -> str:
    """Return a string of an entry.

    Raises:
        KeyError: There is no such value.
        TypeError: It is not a string.
    """
    value = entry[name]
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a str")
    return value


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
    # A forked child shares the lock, and would hold it until it exits.
    for file in list(_open_files):
        file.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_close_in_child)
