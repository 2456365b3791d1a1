"""What a batch has done, in a file, so that it can be taken up again after any end."""

from __future__ import annotations

import hashlib
import io
import json
import os
import stat
import sys
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Final, cast

from dify_async._types import Json
from dify_async.errors import ConfigurationError, RunPaused, StreamInterrupted, TransportError
from dify_async.files import InputFile
from dify_async.models import RunHandle, RunStatus, UploadedFile, WorkflowResult

if sys.platform == "win32":
    import msvcrt

    def _claim(file: io.FileIO) -> None:
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _claim(file: io.FileIO) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


_BEGIN: Final = b'{"key": "'
"""What each line begins with."""
_GOOD: Final = {str(RunStatus.SUCCEEDED), str(RunStatus.PARTIAL_SUCCEEDED)}


class Journal:
    """A file of JSON lines: one when a run has told its id, and one when its row has come to an end.

    A process may be killed at any time: what it had written is there, but for a line that it had begun, which
    is cut off. The file is locked while it is open; a second process is refused.

    Args:
        path: The file; made where there is none.
        user: The end user that rows are run for; the same row is another one for each of them.

    Raises:
        ConfigurationError: another process has it open, it cannot be written, or it is no journal.
    """

    def __init__(self, path: str | os.PathLike[str], user: str | None) -> None:
        self.path = Path(path)
        self._user = user
        self.in_flight: dict[str, RunHandle] = {}
        """Runs that have begun, and of which no end was written, by key."""
        # The places and lengths of good ends in the file, by key.
        self._done: dict[str, tuple[int, int]] = {}
        self._seen: Counter[str] = Counter()
        self._file: io.FileIO | None = None
        self._size = 0

    def open(self) -> None:
        """Lock the file, and read what is in it."""
        try:
            # Without a buffer: what could not be written must not be written later.
            self._file = file = io.FileIO(self.path, "a+")
        except OSError as exc:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} cannot be opened: {exc.strerror}"
            ) from exc
        try:
            _lock(file, self.path)
            self._read(file)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def key_of(self, row: Json) -> str:
        """Give the key of the next row: of its content, so that rows may be moved, added and taken out.

        The second of two equal rows has a key of its own.

        Raises:
            ConfigurationError: a file in it cannot be known again.
        """
        try:
            text = json.dumps([self._user, row], sort_keys=True, default=_told)
        except ConfigurationError:
            raise
        except (TypeError, ValueError, RecursionError):
            text = ""  # No request can be made of it either, as its outcome will tell.
        key = hashlib.sha256(text.encode()).hexdigest()[:32]
        self._seen[key] += 1
        return key if self._seen[key] == 1 else f"{key}-{self._seen[key]}"

    def note_started(self, key: str, handle: RunHandle) -> None:
        """Note that a run has begun."""
        self._write({"key": key, "status": "started", "handle": json.loads(handle.to_json())})

    def note_ended(self, key: str, result: WorkflowResult | None, error: Exception | None) -> None:
        """Note that a row has come to its end; not where that is known, or its run still on its way."""
        if key in self._done or _is_on_the_way(error):
            return
        if error is not None and key in self.in_flight:
            return  # The server was asked for the run, and did not tell.
        entry: dict[str, Json] = {"key": key, "status": type(error).__name__}
        if result is not None and result.status != RunStatus.RUNNING:
            entry |= {
                "status": str(result.status),
                "run_id": result.workflow_run_id,
                "outputs": result.outputs,
                "total_tokens": result.total_tokens,
                "total_price": None if result.total_price is None else str(result.total_price),
                "elapsed_time": result.elapsed_time,
            }
        if error is not None:
            entry["error"] = str(error)
        self._write(entry)

    def result_of(self, key: str) -> WorkflowResult | None:
        """Give the result of a row that came to a good end at an earlier time."""
        if key not in self._done:
            return None
        assert self._file is not None
        place, length = self._done[key]
        self._file.seek(place)  # What is written goes to the end all the same.
        entry = json.loads(self._file.read(length))
        price = entry.get("total_price")
        return WorkflowResult(
            workflow_run_id=entry.get("run_id"),
            status=RunStatus(entry["status"]),
            outputs=entry.get("outputs") or {},
            total_tokens=entry.get("total_tokens") or 0,
            total_price=None if price is None else Decimal(price),
            elapsed_time=entry.get("elapsed_time") or 0.0,
        )

    def _write(self, entry: dict[str, Json]) -> None:
        assert self._file is not None
        # In one piece and at once: what was written outlives the process, however it ends.
        line = rest = json.dumps(entry).encode() + b"\n"
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as exc:
            with suppress(OSError):  # Else the next line would begin in the middle of this one.
                self._file.truncate(self._size)
            raise OSError(exc.errno, exc.strerror, str(self.path)) from exc
        self._size += len(line)

    def _read(self, file: io.FileIO) -> None:
        file.seek(0)
        lines = io.BufferedReader(file)
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n") and (line.startswith(_BEGIN) or _BEGIN.startswith(line)):
                break  # Begun, and never ended.
            self._take(line, number, self._size)
            self._size += len(line)
        lines.detach()
        file.truncate(self._size)

    def _take(self, line: bytes, number: int, place: int) -> None:
        try:
            entry = json.loads(line)
            key, status = str(entry["key"]), str(entry["status"])
            if status == "started":
                self.in_flight[key] = RunHandle.from_json(json.dumps(entry["handle"]))
                return
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ConfigurationError(
                f"line {number} of {str(self.path)!r} is no entry of a journal: give another file"
            ) from None
        self.in_flight.pop(key, None)
        if status in _GOOD:
            self._done[key] = place, len(line)


def _is_on_the_way(error: Exception | None) -> bool:
    """Say whether a run may go on, or waits for a person."""
    if isinstance(error, TransportError):
        return error.handle is not None
    return isinstance(error, StreamInterrupted | RunPaused)


def _told(value: object) -> Json:
    """Give what stands in a key for what is no JSON."""
    if isinstance(value, UploadedFile):
        return value.id
    if isinstance(value, InputFile):
        return [value.name, value.address or _known_by(value)]
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, Json]", value))
    return str(value)


def _known_by(file: InputFile) -> str:
    source = file.source
    if isinstance(source, io.BytesIO):
        source = source.getvalue()
    if isinstance(source, bytes | bytearray):
        return hashlib.sha256(source).hexdigest()
    if isinstance(source, str | os.PathLike):
        return os.fsdecode(source)
    name: object = getattr(source, "name", None)  # A number, where it was opened by its descriptor.
    if not isinstance(name, str):
        raise ConfigurationError(
            f"a journal cannot know the file {file.name!r} again: give its path or its bytes"
        )
    return name


def _lock(file: io.FileIO, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        raise ConfigurationError(f"the journal {str(path)!r} is no file on disk: give another")
    try:
        _claim(file)
    except (BlockingIOError, PermissionError):
        raise ConfigurationError(
            f"the journal {str(path)!r} is in use by another batch; wait for its end, or give another file"
        ) from None
    except OSError as exc:
        raise ConfigurationError(f"the journal {str(path)!r} cannot be locked: {exc.strerror}") from exc
