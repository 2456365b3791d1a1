"""The journal of a synced folder: paths, hashes and document ids, in a local file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import attrs

from dify_async._journal_file import EntryPosition, JournalFile, text_in
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.resources.knowledge.contents import Digest

_STARTED: Final = "started"
_STORED: Final = "stored"
_REJECTED: Final = "rejected"
_DELETED: Final = "deleted"


@attrs.frozen
class Stored:
    """A document that holds a file."""

    digest: Digest
    """Of the content that was uploaded."""
    document_id: str
    file_id: str
    """Id of the upload: the server replaces it with each update."""


class FolderJournal:
    """A file of JSON lines: one before an upload, and one when it is stored.

    It outlives the process that writes it, see `JournalFile`.

    Args:
        path: The file; readable by its owner only.
        dataset_id: The knowledge base. A journal of another one is rejected.
        creates: False if a missing file is not created, as nothing will be recorded.
    """

    def __init__(self, path: str | os.PathLike[str], dataset_id: str, *, creates: bool) -> None:
        self._file = JournalFile(path, first_field="path", used_by="sync")
        self._dataset_id = dataset_id
        self._creates = creates
        self.stored: dict[str, Stored] = {}
        """Documents by path."""
        self.started: dict[str, Digest] = {}
        """Uploads whose end is not recorded, by path."""

    @property
    def path(self) -> Path:
        """The file."""
        return self._file.path

    def open(self) -> None:
        """Lock the file and read it."""
        if self._creates or self.path.exists():
            self._file.open(self._take)

    def close(self) -> None:
        """Close the file, which unlocks it."""
        self._file.close()

    def record_start(self, path: str, digest: Digest) -> None:
        """Record that an upload begins."""
        self._append(path, _STARTED, hash=digest.hash, size=digest.size)
        self.started[path] = digest

    def note_stored(self, path: str, stored: Stored) -> None:
        """Record which document holds a file now."""
        self._append(
            path,
            _STORED,
            hash=stored.digest.hash,
            size=stored.digest.size,
            document_id=stored.document_id,
            file_id=stored.file_id,
        )
        self.stored[path] = stored
        self.started.pop(path, None)

    def note_rejected(self, path: str) -> None:
        """Record that the server did not take an upload."""
        self._append(path, _REJECTED)
        self.started.pop(path, None)

    def note_deleted(self, path: str) -> None:
        """Record that there is no document of a file any more."""
        self._append(path, _DELETED)
        self.stored.pop(path, None)
        self.started.pop(path, None)

    def _append(self, path: str, status: str, **fields: Json) -> None:
        self._file.append({"path": path, "dataset_id": self._dataset_id, "status": status, **fields})

    def _take(self, entry: dict[str, Json], _: EntryPosition) -> None:
        path, status = text_in(entry, "path"), text_in(entry, "status")
        if entry["dataset_id"] != self._dataset_id:
            raise ConfigurationError(
                f"the journal {str(self.path)!r} belongs to another knowledge base: use another file"
            )
        if status in {_STARTED, _STORED}:
            size = entry["size"]
            if not isinstance(size, int):
                raise TypeError("`size` must be an int")
            digest = Digest(text_in(entry, "hash"), size)
            if status == _STARTED:
                self.started[path] = digest
                return
            self.stored[path] = Stored(digest, text_in(entry, "document_id"), text_in(entry, "file_id"))
        elif status == _DELETED:
            self.stored.pop(path, None)
        self.started.pop(path, None)
