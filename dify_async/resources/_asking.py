"""What the methods that start something have in common: inputs, files, an answer in one piece, a list."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar

from dify_async._core import operations
from dify_async._core.core import Core
from dify_async._core.operations import ModelT, Operation
from dify_async._core.pager import Pager
from dify_async._core.request import Options, Request
from dify_async._core.stream import EventStream
from dify_async._types import OMIT, Json, Omit
from dify_async.errors import ConfigurationError, DecodeError
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs, FileSource, InputFile
from dify_async.models import AppParameters, Page, RemoteFile, RunHandle, UploadedFile, WorkflowResult
from dify_async.models._base import as_list

ItemT = TypeVar("ItemT")

_log: Final = logging.getLogger("dify_async")


def asked(inputs: Mapping[str, Json], files: FileInputs | Omit, **fields: Json) -> dict[str, Json]:
    """Give the body of what starts something; fields that are None are left out."""
    if not isinstance(inputs, Mapping):
        raise ConfigurationError(
            f"inputs are values by variable name, as a dict, not {type(inputs).__name__}"
        )
    body: dict[str, Json] = {"inputs": _given(inputs)}
    if files is not OMIT:
        if isinstance(files, str | bytes) or not isinstance(files, Iterable):
            raise ConfigurationError(f"files are a list of files, not {type(files).__name__}")
        body["files"] = [dict(file) if isinstance(file, Mapping) else file for file in files]
    return body | {name: value for name, value in fields.items() if value is not None}


def given_file(file: FileSource | InputFile, name: str | None, mime_type: str | None) -> InputFile:
    """Give a file that is uploaded apart from a run."""
    if not isinstance(file, InputFile):
        return InputFile(file, name=name, mime_type=mime_type)
    if name is not None or mime_type is not None:
        raise ConfigurationError("an InputFile has a name and a MIME type of its own: give them to it")
    return file


def _given(inputs: Mapping[str, Json]) -> dict[str, Json]:
    """Leave out what is None, also among several files: the server takes both for not given."""
    return {name: _without_none(value) for name, value in inputs.items() if value is not None}


def _without_none(value: Json) -> Json:
    items = as_list(value)
    if items is None or not any(isinstance(item, (InputFile, UploadedFile, RemoteFile)) for item in items):
        return value
    return [item for item in items if item is not None]


def traced(
    trace_id: str | None, trace_session_id: str | None, extra_headers: Mapping[str, str] | None
) -> dict[str, str]:
    """Give the headers of a call that starts something."""
    headers = {"X-Trace-Id": trace_id, "X-Trace-Session-Id": trace_session_id}
    return {name: value for name, value in headers.items() if value is not None} | dict(extra_headers or {})


async def answered(core: Core, operation: Operation[ModelT], request: Request) -> ModelT:
    """Give an answer in one piece."""
    async with core.slot():
        try:
            response = await core.exchange(request, idempotent=False)
        except asyncio.CancelledError:
            _log.warning("%s: left in blocking mode, so it goes on", request.asked.operation)
            raise
    return core.decoded(operation.answer, response, request.asked)


async def begun(run: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle | None:
    """Read until a run has told its id; None where it ends before."""
    async for _ in run:
        if run.handle is not None:
            return run.handle
    return None


async def started(stream: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle:
    """Start a run, and leave it alone as soon as it has told its id."""
    async with stream as run:
        handle = await begun(run)
        if handle is not None:
            run.detach()
            return handle
        result = await run.result()  # Raises, for no run ends well without having begun.
    raise DecodeError(f"the run ended as {result.status} without an id")


def pages(
    core: Core,
    operation: Operation[Page[ItemT]],
    query: dict[str, Any],
    following: Callable[[Page[Any]], dict[str, Any]],
    *,
    limit: int,
    options: Options,
    ids: dict[str, str] | None = None,
) -> Pager[ItemT]:
    """Make a list of pages; `following` gives what asks for the page after one."""
    if not 1 <= limit <= 100:
        raise ConfigurationError(f"limit is 1 to 100 entries a page, not {limit!r}")

    async def page_after(last: Page[ItemT] | None) -> Page[ItemT] | None:
        if last is not None and (not last.has_more or not last.data):
            return None
        further = following(last) if last is not None else {}
        asked_for = {**query, "limit": limit, **further}
        return await core.call(operation, ids=ids, query=asked_for, options=options)

    return Pager(page_after)


def by_number(last: Page[Any]) -> dict[str, Any]:
    """Ask for the next number."""
    return {"page": (last.page or 1) + 1}


def after_last(last: Page[Any]) -> dict[str, Any]:
    """Ask for what comes after the last entry."""
    return {"last_id": last.data[-1].id}


def before_first(last: Page[Any]) -> dict[str, Any]:
    """Ask for what comes before the first entry: pages that go back in time."""
    return {"first_id": last.data[0].id}


class Form:
    """The app's form, asked for once, to check many inputs against."""

    def __init__(self, core: Core, extra_headers: Mapping[str, str] | None) -> None:
        self._core = core
        self._options = Options(extra_headers=extra_headers)
        self._parameters: AppParameters | None = None
        self._asking = asyncio.Lock()

    async def check(self, inputs: Mapping[str, Json]) -> None:
        """Refuse inputs that the server would refuse."""
        async with self._asking:
            if self._parameters is None:
                self._parameters = await self._core.call(operations.GET_APP_PARAMETERS, options=self._options)
        asked(inputs, OMIT)  # Refuses what is no dict.
        problems = self._parameters.check(inputs)
        if problems:
            raise ConfigurationError(f"the inputs do not fit the app's form: {'; '.join(problems)}")


def arguments_of(method: Callable[..., object], row: Mapping[str, Any]) -> dict[str, Any]:
    """Give a row as arguments of a method; refuse what it does not take."""
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"a row is a text or arguments by their names, not {type(row).__name__}")
    try:
        inspect.signature(method).bind(**row)
    except TypeError as exc:
        raise ConfigurationError(f"the row does not fit: {exc}") from None
    return dict(row)
