"""Collections of records: list, page, get, create, delete, 404."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from dify_async.testing.api_errors import ErrorResponse, not_found


class Record(Protocol):
    """An object with an id."""

    @property
    def id(self) -> str:
        """The id, unique in its collection."""
        ...


ItemT = TypeVar("ItemT")
RecordT = TypeVar("RecordT", bound=Record)


class Collection(dict[str, RecordT]):
    """Records by id, oldest first. `collection[0]` is the oldest record, `collection[-1]` the newest."""

    def __init__(self, missing: str) -> None:
        """Create an empty collection; `missing` is the text of the server's 404."""
        super().__init__()
        self._missing = missing

    def __getitem__(self, key: str | int, /) -> RecordT:
        if isinstance(key, str):
            return super().__getitem__(key)
        records = list(self.values())
        if not -len(records) <= key < len(records):
            raise IndexError(f"no record at position {key}: there are {len(records)}")
        return records[key]

    def add(self, record: RecordT) -> RecordT:
        """Add a record and return it."""
        self[record.id] = record
        return record

    def find(self, record_id: str) -> RecordT:
        """Return a record, or raise the server's 404."""
        found = self.get(record_id)
        if found is None:
            raise self.not_found()
        return found

    def remove(self, record_id: str) -> None:
        """Delete a record, or raise the server's 404."""
        if self.pop(record_id, None) is None:
            raise self.not_found()

    def not_found(self) -> ErrorResponse:
        """Return the server's 404 for an unknown record."""
        return not_found(self._missing)

    @property
    def newest_first(self) -> list[RecordT]:
        """The records, newest first, as in most lists of Dify."""
        return list(reversed(self.values()))


def numbered_page(records: Sequence[ItemT], page: int, limit: int) -> list[ItemT]:
    """Return page number `page`, starting at 1."""
    return list(records[(page - 1) * limit : page * limit])


def page_after(
    records: Iterable[RecordT], last_id: str | None, limit: int, unknown: ErrorResponse
) -> tuple[list[RecordT], bool]:
    """Return the records after `last_id` and whether there are more; raise `unknown` for an unknown id."""
    rest = list(records)
    if last_id:
        positions = [position for position, record in enumerate(rest) if record.id == last_id]
        if not positions:
            raise unknown
        rest = rest[positions[0] + 1 :]
    return rest[:limit], len(rest) > limit
