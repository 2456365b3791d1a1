"""The rows of a batch: any iterable, or the records of a DataFrame."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Any, Protocol, TypeAlias, TypeGuard, TypeVar

from dify_async.errors import ConfigurationError

RowT = TypeVar("RowT")


class DataFrame(Protocol):
    """A DataFrame of pandas or polars: its records are rows, and what is missing in them is omitted."""

    @property
    def columns(self) -> Any:
        """The names of its columns."""

    @property
    def shape(self) -> tuple[int, int]:
        """The numbers of its rows and columns."""
        ...


Rows: TypeAlias = Iterable[RowT] | AsyncIterable[RowT] | DataFrame
"""The rows of a batch: a DataFrame, or any iterable or async iterable, which is read as needed."""


def iterable_of(rows: Rows[RowT]) -> Iterable[RowT] | AsyncIterable[RowT]:
    """Return rows that can be iterated over: those of a DataFrame are its records.

    Raises:
        ConfigurationError: `rows` is neither iterable nor a DataFrame.
    """
    if _is_data_frame(rows):
        return _records(rows)
    if isinstance(rows, str | bytes) or not isinstance(rows, Iterable | AsyncIterable):
        raise ConfigurationError(
            f"`rows` must be an iterable of rows or a DataFrame, got {type(rows).__name__}"
        )
    return rows


async def each(rows: Iterable[RowT] | AsyncIterable[RowT]) -> AsyncGenerator[RowT]:
    """Yield the rows one after another."""
    if isinstance(rows, AsyncIterable):
        async for row in rows:
            yield row
    else:
        for row in rows:
            yield row


def _is_data_frame(rows: Any) -> TypeGuard[DataFrame]:
    return hasattr(rows, "columns") and hasattr(rows, "shape")


def _records(frame: Any) -> list[Any]:
    if hasattr(frame, "to_dicts"):  # polars
        polars_records: list[Any] = frame.to_dicts()
        return polars_records
    # pandas has NaN, NaT and NA for what is missing. Only columns of objects can hold None instead.
    records: list[Any] = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return records
