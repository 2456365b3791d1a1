"""How a call is made: build the request, authenticate, send, retry, map errors, decode."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import sys
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, TypeAlias, TypeVar
from urllib.parse import urlencode

import attrs

from dify_async._http.auth import Auth, AuthHeaders, NoAuth, fill_path, is_text
from dify_async._http.download import save_body
from dify_async._http.observer import Observer
from dify_async._http.redaction import Redactor, Secret, hidden
from dify_async._http.request import Request, Response
from dify_async._http.retry import decide
from dify_async._http.transport import USER_AGENT, IncomingResponse, LoopState, Transport, checked_headers
from dify_async._http.uploads import Form
from dify_async._types import Json
from dify_async._wire.api_errors import error_from_response
from dify_async._wire.body import written
from dify_async._wire.decoding.codegen import StructureError
from dify_async._wire.decoding.hooks import decode_model
from dify_async._wire.error_bodies import read_words
from dify_async._wire.operation import Operation
from dify_async._wire.run_errors import error_from_result
from dify_async.errors import (
    ApiError,
    ConfigurationError,
    DecodeError,
    DifyError,
    RunFailed,
    TotalTimeout,
    Unauthorized,
)
from dify_async.files import InputFile
from dify_async.models import ChatResult, CompletionResult, UploadedFile, WorkflowResult
from dify_async.models._base import parse_json
from dify_async.operations.app import UPLOAD_FILE
from dify_async.options import AppCallOptions, AppRunOptions, CallOptions
from dify_async.settings import Retry, Timeouts, retry_from, timeouts_from

AnswerT = TypeVar("AnswerT")
T = TypeVar("T")
AnyResult: TypeAlias = WorkflowResult | ChatResult | CompletionResult

_log: Final = logging.getLogger("dify_async")

_PATH: Final = re.compile(r"/(?!/)[!-~]*")
"""A path as it stands in a request line. Two slashes at its start would make it an address."""

_STREAM_HEADERS: Final = {
    "Accept": "text/event-stream",
    # A proxy that compresses waits for enough data to compress.
    "Accept-Encoding": "identity",
}


@attrs.frozen
class CallDefaults:
    """What a call uses where its options say nothing."""

    timeouts: Timeouts
    retry: Retry
    on_abandon: Literal["stop", "detach"]
    headers: dict[str, str] = attrs.field(repr=False)


@attrs.frozen(eq=False)
class Api:
    """One app's access to its server. Views for other end users, keys or options share its transport."""

    transport: Transport
    auth: Auth
    defaults: CallDefaults
    observer: Observer | None = None

    # Views

    def for_user(self, user: str | None) -> Api:
        """Return the same for another end user, or itself if `user` is None or unchanged."""
        if user is None or user == self.auth.user:
            return self
        return attrs.evolve(self, auth=self.auth.for_user(user))

    def without_credentials(self) -> Api:
        """Return the same without key and headers, for addresses that may be those of another server."""
        return attrs.evolve(self, auth=NoAuth(), defaults=attrs.evolve(self.defaults, headers={}))

    def user_of(self, options: Mapping[str, object]) -> str | None:
        """Return the end user of a call with these options."""
        user = options.get("user")
        return user if isinstance(user, str) else self.auth.user

    def observed_by(self, observer: Observer) -> Api:
        """Return the same with an observer."""
        return attrs.evolve(self, observer=observer)

    # Calls

    async def call(
        self,
        operation: Operation[AnswerT],
        options: CallOptions,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Mapping[str, Json] | None = None,
        form: Mapping[str, str] | None = None,
        file: InputFile | None = None,
        secrets: tuple[str, ...] = (),
    ) -> AnswerT:
        """Call an operation and return its answer.

        Args:
            operation: The endpoint.
            options: What the caller passed as `**options`.
            ids: For the `{names}` in the path.
            query: Query parameters. None is omitted, booleans become `true` and `false`, lists repeat the
                key.
            json: The JSON body; files in it are uploaded first.
            form: The fields of a multipart form.
            file: The file of a multipart form.
            secrets: What no error shows if the server sends it back.

        Raises:
            ConfigurationError: the request cannot be made; nothing was sent.
            TransportError: no response arrived.
            ApiError: the response is not 2xx.
            DecodeError: the response is not what the operation answers.
        """
        request = self.build(
            operation, options, ids=ids, query=query, json=json, form=form, file=file, secrets=secrets
        )
        response = await self.exchange(request)
        kind: Any = operation.answer
        if kind is bytes:
            return response.body  # type: ignore[return-value]
        if kind is NoneType:
            return None  # type: ignore[return-value]
        try:
            return decode_model(kind, response.body)  # type: ignore[no-any-return]
        except (StructureError, ValueError) as exc:
            error = self._decode_error(exc, response, request)
        raise error  # Here, because the exception above quotes the body, which may contain a secret.

    def build(
        self,
        operation: Operation[Any],
        options: CallOptions,
        *,
        ids: Mapping[str, str] | None = None,
        query: Mapping[str, Any] | None = None,
        json: Mapping[str, Json] | None = None,
        form: Mapping[str, str] | None = None,
        file: InputFile | None = None,
        secrets: tuple[str, ...] = (),
        path: str | None = None,
    ) -> Request:
        """Return the request of a call. `path` replaces that of the operation.

        Raises:
            TypeError: an option is unknown.
            ConfigurationError: an argument is not valid.
        """
        if secrets and not all(isinstance(secret, str) for secret in secrets):
            raise ConfigurationError("passwords, codes and tokens must be str", operation=operation.name)
        auth, defaults = self.auth, self.defaults
        user = auth.user
        timeouts, retry = defaults.timeouts, defaults.retry
        headers = {"User-Agent": USER_AGENT, **defaults.headers}
        if options:
            if "extra_headers" in options:
                # In place: the same dict is a local variable of the methods that called this.
                options["extra_headers"] = hidden(options["extra_headers"])
            given: AppRunOptions = checked_options(options, operation, takes_user=auth.sends_user)
            user = given.get("user") or user
            timeouts = timeouts_from(given.get("timeout"), timeouts, "`timeout`")
            retry = retry_from(given.get("retry"), retry, "`retry`")
            if extra := given.get("extra_headers"):
                headers |= checked_headers(extra, "extra_headers")
                secrets += header_secrets(options)
            if extra_body := given.get("extra_body"):
                json = {**(json or {}), **extra_body}
        if operation.user is not None and auth.sends_user:
            if user is None:
                raise missing_user(operation)
            if operation.user == "query":
                query = {**(query or {}), "user": user}
            elif operation.user == "body":
                json = {"user": user, **(json or {})} if json is None or "user" not in json else json
            else:
                form = {"user": user, **(form or {})}
        data: bytes | Form | None = None
        files: list[InputFile] = []
        if file is not None or form is not None:
            data = Form.of(form or {}, file)
        elif json is not None:
            headers = {"Content-Type": "application/json", **headers}
            data, files = _json_data(json, {}, operation)
        place = path if path is not None else operation.path
        if ids:
            place = fill_path(place, ids, operation.name)
        url = self.transport.settings.base_url + place
        if query and (text := _query_text(query)):
            url += f"&{text}" if "?" in place else f"?{text}"
        return Request(
            operation=operation,
            url=url,
            headers=headers,
            data=data,
            timeouts=timeouts,
            retry=retry,
            user=user,
            extra_headers=options.get("extra_headers"),
            secrets=secrets,
            body=json if files else None,
            files=files,
        )

    async def exchange(self, request: Request, *, save_to: Path | None = None) -> Response:
        """Send a request and read its response, or write the body to `save_to`. Retry where that is safe.

        Raises:
            TransportError: no response arrived.
            ApiError: the response is not 2xx.
            TooLarge: the body is larger than `max_event_bytes`.
        """

        async def send(headers: AuthHeaders) -> Response:
            read_timeout = None if request.operation.starts_run else request.timeouts.read
            response = await self.transport.send(request, headers.values, read_timeout=read_timeout)
            if not 200 <= response.status < 300:
                error = await self.error_from(response, request)
                is_repeated_delete = request.operation.method == "DELETE" and request.attempts > 1
                if error.status == 404 and is_repeated_delete:
                    return Response(204, response.headers, b"")  # The previous attempt succeeded after all.
                raise error
            if save_to is not None:
                await save_body(response, save_to)
                return Response(response.status, response.headers, b"")
            body = await response.read(self.transport.settings.max_event_bytes)
            return Response(response.status, response.headers, body)

        try:
            async with asyncio.timeout(request.timeouts.total):
                await self.upload_files(request)
                return await self.with_retries(request, send)
        except TimeoutError:
            raise self.total_timeout(request) from None

    async def open(
        self, request: Request, headers: AuthHeaders, *, read_timeout: float | None = None
    ) -> IncomingResponse:
        """Send the request of an event stream once, and return its response when the headers have arrived.

        Args:
            request: The request.
            headers: Its credentials.
            read_timeout: Seconds until the response starts; None means `Timeouts.idle`.

        Raises:
            TransportError: no response arrived.
            ApiError: the response is not 2xx.
            DecodeError: the response is not an event stream.
        """
        request = attrs.evolve(request, headers={**_STREAM_HEADERS, **request.headers})
        response = await self.transport.send(
            request, headers.values, read_timeout=read_timeout or request.timeouts.idle, is_stream=True
        )
        if not 200 <= response.status < 300:
            raise await self.error_from(response, request)
        # A proxy may drop or change the type; JSON and pages are the two that are certainly no event streams.
        if response.content_type != "text/html" and "json" not in response.content_type:
            response.disable_read_timeout()
            return response
        limit = self.transport.settings.max_event_bytes
        complete = Response(response.status, response.headers, await response.read(limit))
        raise self._decode_error(None, complete, request)

    async def with_retries(self, request: Request, send: Callable[[AuthHeaders], Awaitable[T]]) -> T:
        """Call `send` with credentials until it succeeds, or must not be repeated: the only retry loop.

        Credentials that the server rejects are refreshed once. Their own requests have their own retries, so
        their errors are raised as they are.
        """
        credentials = request.operation.credentials
        headers = await self.auth.headers(self, credentials)
        may_refresh = True
        started = time.monotonic()
        while True:
            request.attempts += 1
            if self.observer is not None:
                self.observer.attempt_started(request.operation, request.attempts)
            try:
                return await send(headers)
            except DifyError as error:
                if may_refresh and isinstance(error, Unauthorized):
                    fresh = await self.auth.refreshed(self, credentials, headers, error)
                    if fresh is not None:
                        headers, may_refresh = fresh, False
                        request.attempts -= 1
                        continue
                delay = decide(
                    request.retry,
                    error,
                    attempt=request.attempts,
                    elapsed=time.monotonic() - started,
                    idempotent=request.idempotent,
                    jitter=random.random(),  # noqa: S311 - spreads callers out, protects nothing
                )
                if self.observer is not None:
                    self.observer.attempt_failed(request.operation, error, delay)
                if delay is None:
                    raise
                _log.info(
                    "%s: attempt %d failed, next in %.1f s: %s",
                    request.operation.name,
                    request.attempts,
                    delay,
                    error,
                )
            await asyncio.sleep(delay)

    # Files

    async def upload_files(self, request: Request) -> None:
        """Upload the files in a request's body as its end user, and write the body with their ids."""
        if request.files:
            uploaded = {file: await self._upload(file, request) for file in request.files}
            request.data, _ = _json_data(request.body, uploaded, request.operation)
            request.body, request.files = None, []

    async def _upload(self, file: InputFile, request: Request) -> UploadedFile:
        # A new passport may belong to another end user, so credentials come before what is remembered.
        async with await self.lock_for(file):
            await self.auth.headers(self, UPLOAD_FILE.credentials)
            known = self.transport.uploaded.setdefault(file, {})
            owner = (self.auth.key, request.user)
            if owner not in known:
                # `total` already runs for the run itself.
                options: AppCallOptions = {
                    "timeout": attrs.evolve(request.timeouts, total=None),
                    "extra_headers": request.extra_headers,
                }
                if self.auth.sends_user:
                    options["user"] = request.user
                known[owner] = await self.call(UPLOAD_FILE, options, file=file)
            return known[owner]

    def forget_uploads(self) -> None:
        """Forget the uploaded files: they may belong to another end user."""
        self.transport.uploaded.clear()

    # Concurrency

    async def lock_for(self, key: object) -> asyncio.Lock:
        """Return the lock of a shared resource in the running event loop."""
        state = await self.transport.loop_state()
        return state.locks.setdefault(key, asyncio.Lock())

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[LoopState, None]:
        """Hold one of the concurrency slots for runs, and the client's `limiter`."""
        state = await self.transport.loop_state()
        settings = self.transport.settings
        slots = self.transport.slots_of(state, self.auth.key)
        async with slots, settings.limiter() if settings.limiter is not None else nullcontext():
            yield state

    # Errors

    def context(self, operation: Operation[Any]) -> dict[str, str | None]:
        """Return what errors say of a call: its operation, and the server's version."""
        return {"operation": operation.name, "server_version": self.transport.server_version}

    def redactor(self, secrets: tuple[str, ...]) -> Redactor:
        """Return what masks the secrets of a call and of its client."""
        headers = self.defaults.headers.values()
        return Redactor([*self.auth.secrets, *headers, *self.transport.secrets, *secrets])

    def run_error(
        self, result: AnyResult, operation: Operation[Any], *, secrets: tuple[str, ...] = (), **known: Any
    ) -> RunFailed | None:
        """Return the error of a run that did not succeed, or None."""
        error = error_from_result(result, **known, **self.context(operation))
        if error is not None:
            error.args = tuple(map(self.redactor(secrets).text, error.args))
        return error

    async def error_from(self, response: IncomingResponse, request: Request) -> ApiError:
        """Return the error that a response means, and close its connection."""
        redactor = self.redactor(request.secrets)
        body = redactor.data(await response.read(self.transport.settings.max_event_bytes))
        response.close()  # The rest of an upload that was rejected is not worth sending.
        return error_from_response(
            request.operation,
            response.status,
            redactor.headers(response.headers),
            body,
            server_version=self.transport.server_version,
        )

    def total_timeout(self, request: Request) -> TotalTimeout:
        """Return the error of `Timeouts.total`."""
        return TotalTimeout(
            f"not complete after {request.timeouts.total:g} s (Timeouts.total)",
            operation=request.operation.name,
            server_version=self.transport.server_version,
            may_have_started=request.operation.starts_run and request.attempts > 0,
        )

    def _decode_error(self, error: Exception | None, response: Response, request: Request) -> DecodeError:
        """Return the error of a 2xx response that is not what was expected."""
        redactor = self.redactor(request.secrets)
        if isinstance(error, StructureError):
            text = f"the response does not have the expected shape: {error}"
        else:
            expected = "JSON" if error is not None else "an event stream"
            text = quoted_words(f"expected {expected}, got {_described(response)}", response.body)
        return DecodeError(
            redactor.text(text),
            raw=redactor.data(response.body),
            **self.context(request.operation),
        )


def checked_options(
    options: Mapping[str, Any], operation: Operation[Any], *, takes_user: bool, method: str | None = None
) -> AppRunOptions:
    """Return the options of a call. `method` names it in errors; None means the resource's method that runs.

    Raises:
        TypeError: an option is unknown.
        ConfigurationError: an option has a value of the wrong type.
    """
    known = {"timeout", "retry", "extra_headers"}
    if takes_user:
        known.add("user")
    if operation.starts_run:
        known.add("extra_body")
    unknown = [name for name in options if name not in known]
    if unknown:
        raise TypeError(
            f"{method or _calling_method()}() got an unexpected keyword argument {unknown[0]!r}; "
            f"its options are {', '.join(sorted(known))}"
        )
    user, body = options.get("user"), options.get("extra_body")
    if user is not None and not is_text(user):
        raise ConfigurationError(
            f"`user` must be a non-empty str, got {user!r:.100}", operation=operation.name
        )
    if body is not None and not isinstance(body, Mapping):
        raise ConfigurationError(
            f"`extra_body` must be a mapping, got {type(body).__name__}", operation=operation.name
        )
    return options  # type: ignore[return-value]


def missing_user(operation: Operation[Any]) -> ConfigurationError:
    """Return the error of a call that needs an end user."""
    return ConfigurationError(
        "this call needs an end user: pass user=, or set it for the client by AppClient(user=...), "
        "client.for_user(...) or DIFY_USER",
        operation=operation.name,
        about_client=True,
    )


def header_secrets(options: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the values of a call's `extra_headers` that no error shows: all but those of trace headers."""
    headers = dict(options.get("extra_headers") or {})
    return tuple(Secret(value) for name, value in headers.items() if not name.lower().startswith("x-trace-"))


def _calling_method() -> str:
    """Return the name of the resource's method that is being called, for an error."""
    frame = sys._getframe()
    while frame.f_back is not None and not (
        frame.f_globals.get("__name__", "").startswith("dify_async.resources.")
        and frame.f_code.co_qualname.count(".") == 1
    ):
        frame = frame.f_back
    return frame.f_code.co_qualname


def _json_data(
    json: Json, uploaded: Mapping[InputFile, UploadedFile], operation: Operation[Any]
) -> tuple[bytes, list[InputFile]]:
    try:
        return written(json, uploaded)
    except TypeError as exc:
        raise ConfigurationError(
            f"the body cannot be sent as JSON: {exc}", operation=operation.name
        ) from None


def _query_text(query: Mapping[str, Any]) -> str:
    if not isinstance(query, Mapping):
        raise ConfigurationError(f"`params` must be a mapping of names to values, got {type(query).__name__}")
    pairs: list[tuple[str, Any]] = []
    for name, value in query.items():
        values: Iterable[Any] = value if isinstance(value, (list, tuple, set, frozenset)) else (value,)
        pairs += [(name, _query_value(one)) for one in values if one is not None]
    try:
        return urlencode(pairs)
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"query parameters (params) must be valid Unicode, got {dict(pairs)!r:.200}"
        ) from None


def _query_value(value: Any) -> Any:
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if isinstance(value, datetime) else value


def custom_request(method: str, path: str) -> tuple[Operation[bytes], str]:
    """Return the operation and the path of a request to an endpoint without a method.

    Raises:
        ConfigurationError: the method or the path is not valid.
    """
    if not isinstance(method, str) or not method.isalpha() or not method.isascii():
        raise ConfigurationError(f"`method` must be an HTTP method such as 'GET', got {method!r:.100}")
    if not isinstance(path, str) or "://" in path.partition("?")[0]:
        raise ConfigurationError(f"`path` must be relative to base_url, such as '/info', got {path!r:.100}")
    path = path if path.startswith("/") else f"/{path}"
    if not _PATH.fullmatch(path):
        raise ConfigurationError(
            f"`path` must be ASCII without spaces, got {path!r:.100}: pass query parameters by params=, and "
            "escape other characters by urllib.parse.quote"
        )
    method = method.upper()
    return Operation(method, path.partition("?")[0], bytes, method not in {"POST", "PATCH"}), path


def _described(response: Response) -> str:
    kind = response.headers.get("Content-Type", "")
    if "html" in kind or response.body.lstrip()[:1] == b"<":
        return "a web page; base_url probably points to Dify's web app or a proxy instead of its API"
    if not response.body:
        return "an empty body"
    return "JSON" if "json" in kind and _is_json(response.body) else "something else, or an incomplete body"


def quoted_words(start: str, body: bytes) -> str:
    """Return `start` followed by the code and message of a JSON body, if it is one."""
    words = read_words(body)
    text = words.quoted("") if words.is_json else ""
    return f"{start}: {text}" if text else start


def _is_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except ValueError:
        return False
    return True
