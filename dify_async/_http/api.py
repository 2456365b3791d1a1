"""Make calls: build the request, authenticate, send, retry, map errors, decode."""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AbstractContextManager, nullcontext
from pathlib import Path
from types import NoneType
from typing import Any, Final, Literal, TypeVar

import attrs

from dify_async._http.attempts import AttemptListener
from dify_async._http.auth import Auth, AuthHeaders, NoAuth
from dify_async._http.call_errors import CallErrors
from dify_async._http.call_options import checked_options, header_secrets, missing_user
from dify_async._http.download import save_body
from dify_async._http.headers import checked_headers
from dify_async._http.logs import HTTP, log_retry
from dify_async._http.loop_state import LoopState
from dify_async._http.observing import NO_OBSERVERS, Observers
from dify_async._http.paths import fill_path, query_text
from dify_async._http.request import Request, Response
from dify_async._http.response import IncomingResponse
from dify_async._http.retry import decide
from dify_async._http.transport import USER_AGENT, Transport
from dify_async._http.uploads import Form
from dify_async._types import Json
from dify_async._wire.body import encode_body
from dify_async._wire.decoding.decode import decode_model
from dify_async._wire.decoding.hook import StructureError
from dify_async._wire.operation import Operation
from dify_async.errors import ConfigurationError, DifyError, Unauthorized
from dify_async.files import InputFile
from dify_async.models._base import sendable
from dify_async.models.files import UploadedFile
from dify_async.observer import Run
from dify_async.operations.files import UPLOAD_FILE
from dify_async.options import AppCallOptions, AppRunOptions, CallOptions
from dify_async.settings import Retry, Timeouts, retry_from, timeouts_from

AnswerT = TypeVar("AnswerT")
T = TypeVar("T")

_STREAM_HEADERS: Final = {
    "Accept": "text/event-stream",
    # A proxy that compresses would delay events until it has enough data.
    "Accept-Encoding": "identity",
}


@attrs.frozen
class CallDefaults:
    """The client's settings, which the options of a call override."""

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
    attempts: AttemptListener | None = None
    """Counts attempts, for the outcomes of batches."""
    observers: Observers = NO_OBSERVERS
    """The observers that the user passed."""
    run: Run | None = None
    """The run that the calls belong to. None for calls outside streams."""

    @property
    def errors(self) -> CallErrors:
        """Creates the errors of calls."""
        return CallErrors(self.transport, self.auth, self.defaults.headers)

    # Views

    def for_user(self, user: str | None) -> Api:
        """Return a view for `user`; return itself if `user` is None or unchanged."""
        if user is None or user == self.auth.user:
            return self
        return attrs.evolve(self, auth=self.auth.for_user(user))

    def without_credentials(self) -> Api:
        """Return a view without key and headers, for URLs that may belong to another server."""
        return attrs.evolve(self, auth=NoAuth(), defaults=attrs.evolve(self.defaults, headers={}))

    def user_of(self, options: Mapping[str, object]) -> str | None:
        """Return the end user of a call with these options."""
        user = options.get("user")
        return user if isinstance(user, str) else self.auth.user

    def counted_by(self, attempts: AttemptListener) -> Api:
        """Return a view whose attempts are counted."""
        return attrs.evolve(self, attempts=attempts)

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
        """Call an operation and return its response.

        Args:
            operation: The endpoint.
            options: The caller's `**options`.
            ids: Values for the `{names}` in the path.
            query: Query parameters. None is omitted, booleans become `true` and `false`, lists repeat the
                key.
            json: The JSON body; files in it are uploaded first.
            form: The fields of a multipart form.
            file: The file of a multipart form.
            secrets: Values that are masked in errors if the server sends them back.

        Raises:
            ConfigurationError: an argument is invalid; nothing was sent.
            TransportError: no response arrived.
            ApiError: the response is not 2xx.
            DecodeError: the response cannot be decoded as the type of the operation.
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
            error = self.errors.of_body(exc, response, request)
        raise error  # Outside the `except` block: `exc` quotes the body, which may contain a secret.

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
        """Return the request of a call. `path` replaces the path of the operation.

        Raises:
            TypeError: an option is unknown.
            ConfigurationError: an argument is invalid.
        """
        if secrets and not all(isinstance(secret, str) for secret in secrets):
            raise ConfigurationError("passwords, codes and tokens must be str", operation=operation.name)
        auth, defaults = self.auth, self.defaults
        user = auth.user
        timeouts, retry = defaults.timeouts, defaults.retry
        headers = {"User-Agent": USER_AGENT, **defaults.headers}
        if options:
            given: AppRunOptions = checked_options(options, operation, takes_user=auth.sends_user)
            user = given.get("user") or user
            timeouts = timeouts_from(given.get("timeout"), timeouts, "`timeout`")
            retry = retry_from(given.get("retry"), retry, "`retry`")
            if extra := given.get("extra_headers"):
                headers |= checked_headers(extra, "extra_headers")
                secrets += header_secrets(options)
            if extra_body := given.get("extra_body"):
                json = {**(json or {}), **extra_body}
            for name in operation.settings:
                if (setting := options.get(name)) is not None:
                    json = {**(json or {}), name: sendable(setting)}
        if operation.user is not None and auth.sends_user:
            if user is None:
                raise missing_user(operation)
            if operation.user == "query":
                query = {**(query or {}), "user": user}
            elif operation.user == "body":
                json = {"user": user, **(json or {})} if json is None or "user" not in json else json
            else:
                form = {"user": user, **(form or {})}
        data: Any = None
        files: list[InputFile] = []
        is_form = file is not None or form is not None
        if json is not None and (operation.settings or not is_form):
            try:
                data, files = encode_body(json, {})
            except TypeError as exc:
                raise _not_json(exc, operation) from None
        if is_form:
            if data is not None:
                form = {**(form or {}), "data": data.decode()}
            data = Form.of(form or {}, file)
        elif json is not None:
            headers = {"Content-Type": "application/json", **headers}
        url_path = path if path is not None else operation.path
        if ids:
            url_path = fill_path(url_path, ids, operation.name)
        url = self.transport.settings.base_url + url_path
        if query and (text := query_text(query)):
            url += f"&{text}" if "?" in url_path else f"?{text}"
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
        """Send a request and read its response, or write the body to `save_to`. Retry if that is safe.

        Raises:
            TransportError: no response arrived.
            ApiError: the response is not 2xx.
            TooLarge: the body is larger than `max_event_bytes`.
        """

        async def send(headers: AuthHeaders) -> Response:
            read_timeout = None if request.operation.starts_run else request.timeouts.read
            response = await self.transport.send(request, headers.values, read_timeout=read_timeout)
            if not 200 <= response.status < 300:
                error = await self.errors.of_response(response, request)
                if error.status == 404 and request.operation.method == "DELETE" and request.attempts > 1:
                    # A previous attempt was processed, and its response was lost.
                    return Response(204, response.headers, b"")
                raise error
            if save_to is not None:
                size = await save_body(response, save_to)
                if request.call is not None:
                    request.call.received = size
                return Response(response.status, response.headers, b"")
            body = await response.read(self.transport.settings.max_event_bytes)
            return Response(response.status, response.headers, body)

        total = request.timeouts.total
        is_watched = self.observers.given or HTTP.isEnabledFor(logging.DEBUG)
        with self.watched(request) if is_watched else nullcontext():
            try:
                async with asyncio.timeout(total) if total is not None else nullcontext():
                    if request.files:
                        await self.upload_files(request)
                    return await self.with_retries(request, send)
            except TimeoutError:
                raise self.errors.of_total(request) from None

    def watched(self, request: Request) -> AbstractContextManager[None]:
        """Return a context manager that notifies the observers of a call."""
        return self.observers.watch(request, self.transport.settings.base_url, self.run)

    async def open(
        self, request: Request, headers: AuthHeaders, *, read_timeout: float | None = None
    ) -> IncomingResponse:
        """Send the request of an event stream once, and return its response when the headers have arrived.

        Args:
            request: The request.
            headers: The credentials.
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
            raise await self.errors.of_response(response, request)
        if response.may_stream:
            return response
        limit = self.transport.settings.max_event_bytes
        # The body has no variable: tracebacks that show local variables would show secrets in it.
        received = Response(response.status, response.headers, await response.read(limit))
        raise self.errors.of_body(None, received, request)

    async def with_retries(self, request: Request, send: Callable[[AuthHeaders], Awaitable[T]]) -> T:
        """Call `send` with credentials, and retry it if that is safe. This is the only retry loop.

        Rejected credentials are refreshed once. The requests that fetch credentials are retried separately,
        so their errors are raised unchanged.
        """
        credentials = request.operation.credentials
        headers = await self.auth.headers(self, credentials)
        may_refresh = True
        started = time.monotonic()
        while True:
            request.attempts += 1
            if self.attempts is not None:
                self.attempts.attempt_started(request.operation, request.attempts)
            try:
                return await send(headers)
            except DifyError as error:
                request.traced(error)
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
                    jitter=random.random(),  # noqa: S311 - only spreads callers out
                )
                if request.call is not None:
                    self.observers.attempt_failed(request.call, request.attempts, error, delay)
                if delay is None:
                    raise
                log_retry(request.operation.name, request.attempts, error, delay)
            await asyncio.sleep(delay)

    # Files

    async def upload_files(self, request: Request) -> None:
        """Upload the files in a request's body as its end user, and encode the body with their ids."""
        uploaded = {file: await self._upload(file, request) for file in request.files}
        try:
            request.data, _ = encode_body(request.body, uploaded)
        except TypeError as exc:
            raise _not_json(exc, request.operation) from None
        request.body, request.files = None, []

    async def _upload(self, file: InputFile, request: Request) -> UploadedFile:
        # Credentials first: a new passport may belong to another end user, whose files are not uploaded.
        async with await self.lock_for(file):
            await self.auth.headers(self, UPLOAD_FILE.credentials)
            known = self.transport.uploaded.setdefault(file, {})
            owner = (self.auth.key, request.user)
            if owner not in known:
                # `total` already limits the whole run.
                options: AppCallOptions = {
                    "timeout": attrs.evolve(request.timeouts, total=None),
                    "extra_headers": request.extra_headers,
                }
                if self.auth.sends_user:
                    options["user"] = request.user
                known[owner] = await self.call(UPLOAD_FILE, options, file=file)
            return known[owner]

    def forget_uploads(self) -> None:
        """Forget the uploaded files, because they may belong to another end user."""
        self.transport.uploaded.clear()

    # Concurrency

    async def lock_for(self, key: object) -> asyncio.Lock:
        """Return the lock of a shared resource in the running event loop."""
        state = await self.transport.loop_state()
        return state.locks.setdefault(key, asyncio.Lock())

    def slot(self) -> AbstractAsyncContextManager[LoopState]:
        """Hold one of the concurrency slots for runs, and the client's `limiter`."""
        return self.transport.slot(self.auth.key)


def _not_json(exc: TypeError, operation: Operation[Any]) -> ConfigurationError:
    return ConfigurationError(f"the body cannot be sent as JSON: {exc}", operation=operation.name)
