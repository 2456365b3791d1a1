"""A file that records the progress of a batch, so that a later batch can continue it."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
import sys
import weakref
from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal, DecimalException
from pathlib import Path
from typing import Any, Final

import attrs

from dify_async._private_file import private_opener
from dify_async._types import Json
from dify_async.batch.outcome import Outcome
from dify_async.batch.row_keys import RowKeys
from dify_async.errors import (
    ConfigurationError,
    DecodeError,
    RunPaused,
    StreamInterrupted,
    TooLarge,
    TransportError,
)
from dify_async.models import RunHandle, RunStatus, WorkflowResult

if sys.platform == "win32":
    import msvcrt

    def _lock_file(file: io.FileIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock_file(file: io.FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_BEGIN: Final = b'{"key": "'
"""Start of each line."""
_SUCCEEDED: Final = {str(RunStatus.SUCCEEDED), str(RunStatus.PARTIAL_SUCCEEDED)}


def app_fingerprint(base_url: str, secrets: Sequence[str]) -> str:
    """Return what identifies an app in a journal: a hash of its server and key, which reveals neither."""
    return hashlib.sha256("\n".join([base_url, *secrets]).encode()).hexdigest()[:16]


@attrs.frozen
class _Place:
    """Where the line of a finished row is in the file."""

    offset: int
    length: int


class Journal:
    """A file of JSON lines: one when a run has started, and one when its row has finished.

    A process may be killed at any time: the file has all that it had written. An incomplete line at the end
    is cut off, also one that a power failure has replaced by zero bytes. The file is locked while it is open.

    Args:
        path: The file; created if it does not exist, readable by its owner only.
        user: The end user of the runs: the same row is a different one for each end user.
        app: Identifies the app, see `app_fingerprint`. A journal of another app is rejected.

    Raises:
        ConfigurationError: Another process has the file open, it cannot be written, it belongs to another
            app, or it is not a journal.
    """

    def __init__(self, path: str | os.PathLike[str], user: str | None, app: str) -> None:
        self.path = Path(path)
        self._app = app
        self._keys = RowKeys(user)
        self.in_flight: dict[str, RunHandle] = {}
        """Runs that were started, and whose end is not recorded, by key."""
        self._done: dict[str, _Place] = {}  # Rows that succeeded, by key.
        self._file: io.FileIO | None = None
        self._size = 0

    def open(self) -> None:
        """Lock the file and read it."""
        try:
            # Unbuffered: what could not be written must not be written later.
            self._file = file = io.FileIO(str(self.path), "a+", opener=private_opener)
        except OSError as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be opened: {exc.strerror}"
            ) from exc
        _open_journals.add(self)
        try:
            _lock(file, self.path)
            self._read(file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file, which unlocks it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def key_of(self, row: Json) -> str:
        """Return the key of the next row.

        Raises:
            ConfigurationError: A file in the row cannot be recognized in a later batch.
        """
        return self._keys.next_key(row)

    def note_started(self, key: str, handle: RunHandle) -> None:
        """Record that the run of a row has started."""
        self._write({"key": key, "app": self._app, "status": "started", "handle": attrs.asdict(handle)})

    def note_ended(self, outcome: Outcome[Any]) -> None:
        """Record the outcome of a row, unless it is recorded already or its run may still be in progress."""
        key, error = outcome.key, outcome.error
        if key in self._done or _may_be_in_progress(error):
            return
        if error is not None and key in self.in_flight:
            return  # The server did not report how the run ended.
        result: WorkflowResult | None = outcome.result
        entry: dict[str, Json] = {"key": key, "app": self._app, "status": type(error).__name__}
        if result is not None and result.status != RunStatus.RUNNING:
            entry |= {
                "status": str(result.status),
                "run_id": result.workflow_run_id,
                "outputs": result.outputs,
                "total_tokens": result.total_tokens,
                "total_price": None if result.total_price is None else str(result.total_price),
                "total_steps": result.total_steps,
                "elapsed_time": result.elapsed_time,
            }
        entry |= {"attempts": outcome.attempts, "seconds": round(outcome.elapsed, 3)}
        if error is not None:
            entry["error"] = str(error)
        self._write(entry)

    def outcome_of(self, key: str, index: int, row: Any) -> Outcome[Any] | None:
        """Return the outcome of a row that succeeded in an earlier batch, or None."""
        place = self._done.get(key)
        if place is None:
            return None
        assert self._file is not None
        self._file.seek(place.offset)  # Writes go to the end all the same.
        entry = json.loads(self._file.read(place.length).decode())
        result = WorkflowResult(
            workflow_run_id=entry.get("run_id"),
            status=RunStatus(entry["status"]),
            outputs=entry.get("outputs") or {},
            total_tokens=_int(entry, "total_tokens"),
            total_price=_price(entry.get("total_price")),
            total_steps=_int(entry, "total_steps"),
            elapsed_time=_seconds(entry, "elapsed_time"),
        )
        return Outcome(
            index=index,
            key=key,
            row=row,
            result=result,
            attempts=_int(entry, "attempts"),
            elapsed=_seconds(entry, "seconds"),
            resumed=True,
        )

    def _write(self, entry: dict[str, Json]) -> None:
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

    def _read(self, file: io.FileIO) -> None:
        file.seek(0)
        lines = io.BufferedReader(file)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n") and self._is_torn(line):
                break
            # Entries hold no zero bytes: those are what a power failure has left of torn ones.
            entry = line.rpartition(b"\0")[2]
            if entry.strip() or not line.endswith(b"\n"):
                self._take(entry, number, self._size + len(line) - len(entry))
            self._size += len(line)
        lines.detach()
        file.truncate(self._size)

    def _is_torn(self, end: bytes) -> bool:
        """Return True if the end of the file, which has no line break, is an entry that was not completed."""
        written = end.rstrip(b"\0")
        if not written:
            return self._size > 0  # A file of zero bytes alone is not known to be a journal.
        return written.startswith(_BEGIN) or _BEGIN.startswith(written)

    def _take(self, line: bytes, number: int, offset: int) -> None:
        try:
            entry = json.loads(line.decode())
            key, status = str(entry["key"]), str(entry["status"])
            handle = RunHandle(**entry["handle"]) if status == "started" else None
            app = entry.get("app", self._app)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise ConfigurationError(
                f"line {number} of {str(self.path)!r} is not an entry of a journal: use another file"
            ) from None
        if app != self._app:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} belongs to another app, API key or server: use another file"
            )
        if handle is not None:
            self.in_flight[key] = handle
            return
        self.in_flight.pop(key, None)
        if status in _SUCCEEDED:
            self._done[key] = _Place(offset, len(line))


_open_journals: Final[weakref.WeakSet[Journal]] = weakref.WeakSet()


def _close_in_child() -> None:
    # A forked child shares the lock, and would hold it for as long as it lives.
    for journal in list(_open_journals):
        journal.close()


if hasattr(os, "register_at_fork"):  # Windows does not fork.
    os.register_at_fork(after_in_child=_close_in_child)


def _may_be_in_progress(error: Exception | None) -> bool:
    """Return True if the run may still be in progress, waits for a person, or its end could not be read."""
    if isinstance(error, TransportError):
        return error.handle is not None
    return isinstance(error, StreamInterrupted | RunPaused | DecodeError | TooLarge)


def _int(entry: dict[str, Json], name: str) -> int:
    value = entry.get(name)
    return value if isinstance(value, int) else 0


def _seconds(entry: dict[str, Json], name: str) -> float:
    value = entry.get(name)
    return value if isinstance(value, float) and math.isfinite(value) else 0.0


def _price(value: Json) -> Decimal | None:
    try:
        price = Decimal(value)
    except (DecimalException, TypeError, ValueError):
        return None
    return price if price.is_finite() else None


def _lock(file: io.FileIO, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ConfigurationError(f"the journal {str(path)!r} is not a regular file: use another path")
    try:
        _lock_file(file)
    except (BlockingIOError, PermissionError):
        raise ConfigurationError(
            f"the journal {str(path)!r} is in use by another batch: wait for its end, or use another file"
        ) from None
    except OSError as exc:
        raise ConfigurationError(f"the journal {str(path)!r} cannot be locked: {exc.strerror}") from exc
