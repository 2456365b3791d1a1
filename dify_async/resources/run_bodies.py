"""What the methods that start a run have in common: inputs, files, traces, the form check."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast

import attrs

from dify_async._http.api import Api
from dify_async._http.call_options import checked_options, missing_user
from dify_async._scalars import fields_of
from dify_async._streaming.stream import EventStream
from dify_async._types import Inputs, Json
from dify_async._wire.operation import Operation
from dify_async.batch.journal import Journal, app_fingerprint
from dify_async.errors import ConfigurationError, DecodeError
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs, InputFile
from dify_async.models import AppParameters, RemoteFile, RunHandle, UploadedFile, WorkflowResult
from dify_async.operations.app import GET_APP_PARAMETERS
from dify_async.options import AppCallOptions, AppRunOptions, CallOptions

AnswerT = TypeVar("AnswerT")

_FILES: Final = (InputFile, UploadedFile, RemoteFile)

_log: Final = logging.getLogger("dify_async")


def run_body(inputs: Inputs, files: FileInputs | None, **fields: Json) -> dict[str, Json]:
    """Return the body of a request that starts a run.

    None is omitted, also among inputs and in lists of files: the server takes it for missing.
    """
    kind: type[object] = type(inputs)
    values: Any = inputs if issubclass(kind, Mapping) else fields_of(inputs)
    if values is None:
        raise ConfigurationError(
            "`inputs` must be a mapping of variable names to values (or a dataclass, attrs or pydantic "
            f"object), got {kind.__name__}"
        )
    given: dict[str, Json] = {}
    for name, value in values.items():
        items: Json = value
        if isinstance(value, list) and any(isinstance(item, _FILES) for item in items):
            given[name] = [item for item in items if item is not None]
        elif value is not None:
            given[name] = value
    body: dict[str, Json] = {"inputs": given}
    for name, value in fields.items():
        if value is not None:
            body[name] = value  # noqa: PERF403 - a comprehension is one more function in each call
    if files is not None:
        if isinstance(files, str | bytes | Mapping) or not isinstance(files, Iterable):
            raise ConfigurationError(f"`files` must be a list of files, got {type(files).__name__}")
        body["files"] = [_checked_file(file) for file in files if file is not None]
    return body


def _checked_file(file: Any) -> Any:
    if isinstance(file, Mapping):
        return dict(cast(Mapping[str, Json], file))
    if not isinstance(file, _FILES):
        raise ConfigurationError(
            f"`files` must contain InputFiles, uploaded files or objects in Dify's form, got "
            f"{type(file).__name__}: pass a path as InputFile(...)"
        )
    return file


def with_trace(options: AppRunOptions, trace_id: str | None, trace_session_id: str | None) -> AppRunOptions:
    """Return the options of a call with its trace headers."""
    headers = {"X-Trace-Id": trace_id, "X-Trace-Session-Id": trace_session_id}
    given = {name: value for name, value in headers.items() if value is not None}
    return {**options, "extra_headers": {**given, **(options.get("extra_headers") or {})}}


def wrong_mode(response_mode: object) -> ConfigurationError:
    """Return the error of a response mode that does not exist."""
    return ConfigurationError(
        f'`response_mode` must be "streaming" or "blocking", got {response_mode!r:.100}'
    )


def call_options(options: AppRunOptions) -> AppCallOptions:
    """Return the options of a run without those that belong to its body."""
    return {name: value for name, value in options.items() if name != "extra_body"}  # type: ignore[return-value]


async def run_in_blocking_mode(
    api: Api,
    operation: Operation[AnswerT],
    options: CallOptions,
    *,
    ids: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    json: Mapping[str, Json] | None = None,
) -> AnswerT:
    """Start a run and return its answer in one piece."""
    async with api.slot():
        try:
            return await api.call(operation, options, ids=ids, query=query, json=json)
        except asyncio.CancelledError:
            _log.warning("%s: cancelled in blocking mode, so the run continues", operation.name)
            raise


async def read_handle(run: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle | None:
    """Read a stream until its run has started, and return the handle; None if the run ended before that.

    A run that the server rejects has an id from 1.15 on, but no task id of its own.
    """
    async for _ in run:
        if run.task_id is not None and run.handle is not None:
            return run.handle
    return None


async def start(stream: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle:
    """Start a run, and detach from it as soon as its id is known."""
    async with stream as run:
        handle = await read_handle(run)
        if handle is None:
            await run.result()  # Raises for a run that was rejected, or failed before it started.
            handle = run.handle
        if handle is None:
            raise DecodeError("the run ended without an id")
        run.detach()
        return handle


@attrs.define
class FormCheck:
    """The app's input form, requested once, to validate many inputs against."""

    _api: Api
    _options: AppCallOptions
    _parameters: AppParameters | None = None
    _requesting: asyncio.Lock = attrs.Factory(asyncio.Lock)

    async def check(self, inputs: Inputs) -> None:
        """Raise `ConfigurationError` for inputs that the server would reject."""
        async with self._requesting:
            if self._parameters is None:
                self._parameters = await self._api.call(GET_APP_PARAMETERS, self._options)
        problems = self._parameters.check(run_body(inputs, None)["inputs"])
        if problems:
            raise ConfigurationError(f"the inputs do not match the app's form: {'; '.join(problems)}")


def journal_for(
    api: Api,
    path: str | os.PathLike[str] | None,
    operation: Operation[Any],
    options: AppRunOptions,
) -> Journal | None:
    """Return the journal of a batch, or None if there is no path."""
    if path is None:
        return None
    user = api.user_of(options)
    if user is None:
        raise missing_user(operation)
    return Journal(path, user, app_fingerprint(api.transport.settings.base_url, api.auth.secrets))


def row_arguments(
    method: Callable[..., object], row: Mapping[str, Any], operation: Operation[Any]
) -> dict[str, Any]:
    """Return a row as keyword arguments of a method that starts a run.

    Raises:
        ConfigurationError: the row is not a mapping, or the method does not take it.
    """
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"a row must be a str or a mapping of arguments, got {type(row).__name__}")
    try:
        bound = inspect.signature(method).bind(**row)
        options = bound.arguments.get("options", {})
        checked_options(options, operation, takes_user=True, method=method.__qualname__)
    except TypeError as exc:
        raise ConfigurationError(f"the row does not match the arguments of the call: {exc}") from None
    return dict(row)
