"""Helpers for methods that start a run: inputs, files, traces, validation against the input form."""

from __future__ import annotations

import asyncio
import inspect
import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

import attrs

from dify_async._http.api import Api
from dify_async._http.call_options import checked_options, header_secrets, missing_user
from dify_async._http.request import sent_trace_id
from dify_async._scalars import fields_of
from dify_async._streaming.stream import EventStream
from dify_async._streaming.watch import watched_in_blocking_mode
from dify_async._types import Inputs, Json
from dify_async._wire.operation import Operation
from dify_async._wire.run_errors import error_from_result
from dify_async.errors import ConfigurationError, DecodeError
from dify_async.events import WorkflowEvent
from dify_async.files import FileInputs, InputFile
from dify_async.models.files import RemoteFile, UploadedFile
from dify_async.models.parameters import AppParameters
from dify_async.models.results import ChatResult, CompletionResult, WorkflowResult
from dify_async.models.runs import AppKind, RunHandle
from dify_async.operations.runs import GET_APP_PARAMETERS
from dify_async.options import AppCallOptions, AppRunOptions, CallOptions

if TYPE_CHECKING:
    from dify_async.batch.journal import Journal

AnswerT = TypeVar("AnswerT")
ResultT = TypeVar("ResultT", bound=WorkflowResult | ChatResult | CompletionResult)

_FILES: Final = (InputFile, UploadedFile, RemoteFile)

_log: Final = logging.getLogger("dify_async.stream")


def run_body(inputs: Inputs, files: FileInputs | None, **fields: Json) -> dict[str, Json]:
    """Return the body of a request that starts a run.

    None is omitted, also in inputs and in lists of files: the server treats it as missing.
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
            f"`files` must contain InputFiles, uploaded files or objects in Dify's format, got "
            f"{type(file).__name__}: pass a path as InputFile(...)"
        )
    return file


def with_trace(options: AppRunOptions, trace_id: str | None, trace_session_id: str | None) -> AppRunOptions:
    """Return options with the headers for the trace ids."""
    headers = {"X-Trace-Id": trace_id, "X-Trace-Session-Id": trace_session_id}
    given = {name: value for name, value in headers.items() if value is not None}
    return {**options, "extra_headers": {**given, **(options.get("extra_headers") or {})}}


def wrong_mode(response_mode: object) -> ConfigurationError:
    """Return the error for an invalid response mode."""
    return ConfigurationError(
        f'`response_mode` must be "streaming" or "blocking", got {response_mode!r:.100}'
    )


def call_options(options: AppRunOptions) -> AppCallOptions:
    """Return the options of a run without `extra_body`."""
    return {name: value for name, value in options.items() if name != "extra_body"}  # type: ignore[return-value]


async def run_in_blocking_mode(
    api: Api,
    operation: Operation[AnswerT],
    options: CallOptions,
    result_of: Callable[[AnswerT], ResultT],
    *,
    kind: AppKind,
    ids: Mapping[str, str] | None = None,
    query: Mapping[str, Any] | None = None,
    json: Mapping[str, Json] | None = None,
) -> ResultT:
    """Start a run, wait for its response in blocking mode, and return the result in it."""
    with watched_in_blocking_mode(api, operation, kind, api.user_of(options)) as watch:
        async with api.slot():
            watch.has_slot()
            try:
                answer = await watch.api.call(operation, options, ids=ids, query=query, json=json)
            except asyncio.CancelledError:
                _log.warning(
                    "%s: cancelled in blocking mode; the run continues on the server", operation.name
                )
                raise
        result = result_of(answer)
        watch.answered(result)
    return result


def raise_for_run(
    api: Api, operation: Operation[Any], options: CallOptions, result: WorkflowResult | ChatResult
) -> None:
    """Raise the error of a run in blocking mode that did not succeed."""
    error = error_from_result(
        result,
        redact=api.errors.redactor(header_secrets(options)).text,
        handle=result.handle,
        **api.errors.context(operation),
    )
    if error is not None:
        error.trace_id = sent_trace_id({**api.defaults.headers, **(options.get("extra_headers") or {})})
        raise error


async def read_handle(run: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle | None:
    """Read a stream until its run has started, and return the handle; None if the run ended before that.

    The task id is checked too: from Dify 1.15 on, a rejected run has a run id, but no task id.
    """
    async for _ in run:
        if run.task_id is not None and run.handle is not None:
            return run.handle
    return None


async def start(stream: EventStream[WorkflowEvent, WorkflowResult]) -> RunHandle:
    """Start a run, and detach as soon as its id is known."""
    async with stream as run:
        handle = await read_handle(run)
        if handle is None:
            await run.result()  # Raises for a run that was rejected, or failed before it started.
            handle = run.handle
        if handle is None:
            raise DecodeError("the stream of the run ended without a run id")
        run.detach()
        return handle


@attrs.define
class FormCheck:
    """Validates many inputs against the app's input form, which is requested once."""

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
    from dify_async.batch.journal import Journal, app_fingerprint  # noqa: PLC0415 - only batches need it

    user = api.user_of(options)
    if user is None:
        raise missing_user(operation)
    return Journal(path, user, app_fingerprint(api.transport.settings.base_url, api.auth.secrets))


def row_arguments(
    method: Callable[..., object], row: Mapping[str, Any], operation: Operation[Any]
) -> dict[str, Any]:
    """Return a row as keyword arguments of a method that starts a run.

    Raises:
        ConfigurationError: the row is not a mapping, or does not match the arguments of the method.
    """
    if not isinstance(row, Mapping):
        raise ConfigurationError(f"a row must be a str or a mapping of arguments, got {type(row).__name__}")
    try:
        bound = inspect.signature(method).bind(**row)
        options = bound.arguments.get("options", {})
        checked_options(options, operation, takes_user=True, method=method.__qualname__)
    except TypeError as exc:
        raise ConfigurationError(f"a row must contain arguments of the call: {exc}") from None
    return dict(row)
