"""How a request is made: who asks, what is sent, when it is sent again, and what the answer means."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import re
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any, Final, TypeVar
from urllib.parse import urlencode

import aiohttp
import attrs

from dify_async._core.attempts import note_attempts
from dify_async._core.identity import Identity, filled
from dify_async._core.multipart import Form, multipart
from dify_async._core.operations import UPLOAD_FILE, ModelT, Operation
from dify_async._core.request import Options, Request, Response
from dify_async._core.retry import decide
from dify_async._core.transport import USER_AGENT, Home, Transport, broken, checked_headers
from dify_async._types import Json
from dify_async._wire.api_errors import Asked, error_from_response
from dify_async._wire.body import written
from dify_async._wire.decoding.codegen import StructureError
from dify_async._wire.decoding.hooks import decode_model
from dify_async._wire.run_errors import error_from_result
from dify_async.errors import ConfigurationError, DecodeError, DifyError, TotalTimeout, Unauthorized
from dify_async.files import InputFile
from dify_async.models import ChatResult, CompletionResult, UploadedFile, WorkflowResult
from dify_async.models._base import parse_json
from dify_async.settings import Retry, Timeouts

T = TypeVar("T")
ErrorT = TypeVar("ErrorT", bound=DifyError)
ResultT = TypeVar("ResultT", bound=WorkflowResult | ChatResult | CompletionResult)

_PATH: Final = re.compile(r"[!-~]+")  # What stands in a request's line as it is.

_NO_SECRET: Final = 5
"""Up to so many characters, a header's value or a password is left in texts: it is in too many words."""

_log: Final = logging.getLogger("dify_async")

_FOR_STREAMS: Final = {
    "Accept": "text/event-stream",
    # A proxy that compresses waits for enough to compress.
    "Accept-Encoding": "identity",
}


@attrs.frozen
class Core:
    """One client's way to its server. Views for other end users share its transport."""

    transport: Transport
    identity: Identity

    def prepare(
        self,
        operation: Operation[Any],
        *,
        ids: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        body: dict[str, Json] | None = None,
        file: InputFile | None = None,
        form: dict[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        options: Options = Options(),
    ) -> Request:
        """Make the request of an operation: fill its path, name its end user, write its JSON or form.

        What is in `secrets` is told by no error, should the server send it back.

        Raises:
            ConfigurationError: it cannot be made; nothing was sent.
        """
        label = operation.asked.operation
        if not all(isinstance(secret, str) for secret in secrets):
            raise ConfigurationError("passwords, codes and tokens are texts", operation=label)
        if self.identity.names_user:
            if operation.user == "query":
                query = {**(query or {}), "user": self.identity.asked_user(label)}
            elif operation.user == "body":
                body = {**(body or {}), "user": self.identity.asked_user(label)}
        if options.extra_body:
            body = {**(body or {}), **options.extra_body}
        content: Form | None = None
        if file is not None or form is not None:
            fields = form or {}
            if self.identity.names_user and (user := self.identity.asked_user(label)) is not None:
                fields = {"user": user, **fields}
            content = Form(fields, file)
        path = filled(operation.path, ids or {}, label)
        asked = attrs.evolve(operation.asked, secrets=secrets) if secrets else operation.asked
        request = self._request(operation.method, path, asked, query, body, content, options)
        request.credentials = operation.credentials
        return request

    def _request(
        self,
        method: str,
        path: str,
        asked: Asked,
        query: Mapping[str, Any] | None,
        body: Json,
        form: Form | None,
        options: Options,
    ) -> Request:
        settings = self.transport.settings
        headers = {"User-Agent": USER_AGENT}
        data: bytes | Form | None = form
        files: list[InputFile] = []
        if body is not None:
            headers["Content-Type"] = "application/json"
            try:
                data, files = written(body, {})
            except TypeError as exc:
                raise ConfigurationError(
                    f"it cannot be sent as JSON: {exc}", operation=asked.operation
                ) from None
        headers |= settings.headers
        if options.extra_headers:
            more = checked_headers(options.extra_headers)
            headers |= more
            # Traces are there to be told of.
            hidden = [value for name, value in more.items() if not name.lower().startswith("x-trace-")]
            asked = attrs.evolve(asked, secrets=(*asked.secrets, *hidden))
        timeouts = options.timeout if options.timeout is not None else settings.timeouts
        if not isinstance(timeouts, Timeouts):
            timeouts = attrs.evolve(settings.timeouts, total=timeouts)
        url = settings.base_url + path
        if query and (text := _query_text(query)):
            url += f"?{text}"
        return Request(
            asked=asked,
            method=method,
            url=url,
            headers=headers,
            data=data,
            timeouts=timeouts,
            options=options,
            body=body if files else None,
            files=files,
        )

    async def call(
        self,
        operation: Operation[ModelT],
        *,
        ids: dict[str, str] | None = None,
        query: dict[str, Any] | None = None,
        body: dict[str, Json] | None = None,
        file: InputFile | None = None,
        form: dict[str, str] | None = None,
        secrets: tuple[str, ...] = (),
        options: Options = Options(),
        retry: Retry | None = None,
    ) -> ModelT:
        """Perform an operation and give what it answers."""
        request = self.prepare(
            operation, ids=ids, query=query, body=body, file=file, form=form, secrets=secrets, options=options
        )
        response = await self.exchange(request, idempotent=operation.repeat == "always", retry=retry)
        return self.decoded(operation.answer, response, request.asked)

    async def perform(
        self,
        operation: Operation[bytes],
        *,
        ids: dict[str, str] | None = None,
        body: dict[str, Json] | None = None,
        options: Options = Options(),
    ) -> Response:
        """Perform an operation that answers with no JSON."""
        request = self.prepare(operation, ids=ids, body=body, options=options)
        return await self.exchange(request, idempotent=operation.repeat == "always")

    async def request(
        self, method: str, path: str, *, query: Mapping[str, Any] | None, body: Json, options: Options
    ) -> Response:
        """Send what no method is there for."""
        method = method.upper()
        if not path.startswith("/"):
            path = f"/{path}"
        if not method.isalpha() or not method.isascii() or not _PATH.fullmatch(path):
            raise ConfigurationError(
                f"a method such as 'GET' and a path without blanks are sent, not {method!r} and {path!r}: "
                "give what has other signs by params=, or escape it by urllib.parse.quote"
            )
        asked = Asked(f"{method} {path.partition('?')[0]}")
        request = self._request(method, path, asked, query, body, None, options)
        return await self.exchange(request, idempotent=method not in {"POST", "PATCH"})

    def for_user(self, user: str | None) -> Core:
        """Give the same for another end user: for None and the own one, this."""
        if user is None or user == self.identity.user:
            return self
        return attrs.evolve(self, identity=self.identity.for_user(user))

    async def ready(self, request: Request) -> Request:
        """Upload the files that stand in a request's body, as its own end user, and write the body anew."""
        if not request.files:
            return request
        uploaded = {file: await self._uploaded(file, request) for file in request.files}
        data, _ = written(request.body, uploaded)
        return attrs.evolve(request, data=data, body=None, files=[])

    async def _uploaded(self, file: InputFile, request: Request) -> UploadedFile:
        home = await self.transport.home()
        user = self.identity.asked_user(UPLOAD_FILE.asked.operation)
        async with home.locks.setdefault(file, asyncio.Lock()):
            await self.identity.credentials(self, UPLOAD_FILE.credentials)  # It may be another visitor now.
            known = self.transport.uploaded.setdefault(file, {})
            if user not in known:
                timeouts = attrs.evolve(request.timeouts, total=None)  # The run's own clock is running.
                options = Options(timeout=timeouts, extra_headers=request.options.extra_headers)
                known[user] = await self.call(UPLOAD_FILE, file=file, options=options)
            return known[user]

    async def exchange(
        self,
        request: Request,
        *,
        idempotent: bool,
        take: Callable[[aiohttp.ClientResponse], Awaitable[bytes]] | None = None,
        retry: Retry | None = None,
    ) -> Response:
        """Send a request and read its whole answer; again, where that is right.

        Args:
            request: What is sent.
            idempotent: Whether it does no harm twice.
            take: Reads the body of a 2xx answer, where it goes elsewhere than into memory.
            retry: When it is sent again, if not as the client says.

        Raises:
            TransportError: no answer came.
            ApiError: the answer is not 2xx.
            TooLarge: the body is over the ceiling.
        """
        clock = None if request.asked.starts_run else request.timeouts.read

        async def once(attempt: int, headers: dict[str, str]) -> Response:
            home = await self.transport.home()
            try:
                async with _content(request) as data:
                    answer = await self._send(home, request, headers, data, clock)
                    body = await self._body_of(answer, request.asked, take)
            except (aiohttp.ClientError, OSError) as exc:
                error = broken(exc, request.asked)
                raise error from error.__cause__
            if answer.status == 404 and request.method == "DELETE" and attempt > 1:
                # The try before got through, and only its answer was lost.
                return Response(204, answer.headers, b"")
            self._check(request.asked, answer, body)
            return Response(answer.status, answer.headers, body)

        total = request.timeouts.total
        try:
            async with asyncio.timeout(total) if total is not None else nullcontext():
                request = await self.ready(request)
                return await self.repeated(
                    lambda attempt: self._admitted(request, functools.partial(once, attempt)),
                    request.asked,
                    idempotent=idempotent,
                    retry=retry,
                )
        except TimeoutError:
            raise self.timed_out(request) from None

    async def open(self, request: Request, *, silence: float | None = None) -> aiohttp.ClientResponse:
        """Send the request of a stream once, and give its answer when the headers are there.

        Its own clock is `idle`, unless `silence` is another.
        """
        request = attrs.evolve(request, headers={**_FOR_STREAMS, **request.headers})
        return await self._admitted(request, functools.partial(self._open, request, silence))

    async def _open(
        self, request: Request, silence: float | None, headers: dict[str, str]
    ) -> aiohttp.ClientResponse:
        home = await self.transport.home()
        try:
            async with _content(request) as data:
                answer = await self._send(home, request, headers, data, silence or request.timeouts.idle)
            if 200 <= answer.status < 300 and _may_stream(answer):
                return answer
            body = self._redacted(await self.transport.read(answer), request.asked)
        except (aiohttp.ClientError, OSError) as exc:
            error = broken(exc, request.asked, streamed=True)
            raise error from error.__cause__
        self._check(request.asked, answer, body)
        raise DecodeError(f"an event stream was asked for and {_described(answer, body)} came", raw=body)

    async def _admitted(self, request: Request, once: Callable[[dict[str, str]], Awaitable[T]]) -> T:
        """Do something with credentials; once more with others, where those are refused and there are any."""
        headers = await self.identity.credentials(self, request.credentials)
        try:
            return await once(headers)
        except Unauthorized as error:
            fresh = await self.identity.renewed(self, request.credentials, headers, error)
            if fresh is None:
                raise
        return await once(fresh)

    async def _send(
        self,
        home: Home,
        request: Request,
        headers: dict[str, str],
        data: bytes | aiohttp.FormData | None,
        silence: float | None,
    ) -> aiohttp.ClientResponse:
        started = time.monotonic()
        answer = await self.transport.send(
            home,
            request.method,
            request.url,
            headers=headers | request.headers,
            data=data,
            connect=request.timeouts.connect,
            silence=silence,
        )
        took = (time.monotonic() - started) * 1000
        _log.debug("%s: %d after %.0f ms", request.asked.operation, answer.status, took)
        return answer

    async def _body_of(
        self,
        answer: aiohttp.ClientResponse,
        asked: Asked,
        take: Callable[[aiohttp.ClientResponse], Awaitable[bytes]] | None,
    ) -> bytes:
        if 200 <= answer.status < 300:
            return await (take or self.transport.read)(answer)
        body = self._redacted(await self.transport.read(answer), asked)
        answer.close()  # The rest of an upload that was refused is not worth sending.
        return body

    def _check(self, asked: Asked, answer: aiohttp.ClientResponse, body: bytes) -> None:
        if not 200 <= answer.status < 300:
            raise error_from_response(asked, answer.status, answer.headers, body)

    async def repeated(
        self,
        once: Callable[[int], Awaitable[T]],
        asked: Asked,
        *,
        idempotent: bool,
        retry: Retry | None = None,
    ) -> T:
        """Do something until it succeeds, or fails for good: the one loop of retries."""
        started = time.monotonic()
        attempt = 1
        while True:
            if asked.starts_run:
                note_attempts(attempt)
            try:
                return await once(attempt)
            except DifyError as error:
                if error.operation not in {None, asked.operation}:
                    raise  # Of what this request needs first, a passport: it has had its tries.
                self.explain(error, asked)
                wait = decide(
                    retry or self.transport.settings.retry,
                    error,
                    attempt=attempt,
                    elapsed=time.monotonic() - started,
                    idempotent=idempotent,
                    chance=random.random(),  # noqa: S311 - spreads callers, guards nothing
                )
                if wait is None:
                    raise
                _log.info("%s: try %d failed, next in %.1f s: %s", asked.operation, attempt, wait, error)
            await asyncio.sleep(wait)
            attempt += 1

    def decoded(self, model: type[ModelT], response: Response, asked: Asked) -> ModelT:
        """Give the model that an answer holds."""
        try:
            return decode_model(model, response.body)
        except StructureError as misfit:
            text = f"the answer is not what it should be: {misfit}"
        except ValueError:
            text = f"JSON was asked for and {_described(response, response.body)} came"
        raise self.explain(DecodeError(text, raw=self._redacted(response.body, asked)), asked)

    def timed_out(self, request: Request) -> TotalTimeout:
        """Give the error of the clock `total`."""
        text = f"not done within Timeouts.total = {request.timeouts.total} seconds"
        error = TotalTimeout(text, may_have_started=request.asked.starts_run)
        return self.explain(error, request.asked)

    def explain(self, error: ErrorT, asked: Asked) -> ErrorT:
        """Add to an error what was asked and of whom, and take out secrets that the server has sent back."""
        error.operation = error.operation or asked.operation
        error.server_version = error.server_version or self.transport.server_version
        error.redact(self._secrets(asked))
        return error

    def accepted(self, result: ResultT, asked: Asked, **known: Any) -> ResultT:
        """Give back the result of a run that succeeded; raise what became of any other."""
        error = error_from_result(result, **known)
        if error is not None:
            raise self.explain(error, asked)
        return result

    def _secrets(self, asked: Asked) -> list[str]:
        found = {*self.identity.secrets, *self.transport.secrets, *asked.secrets}
        # The longest first, for one may be a part of another.
        return sorted((secret for secret in found if len(secret) > _NO_SECRET), key=len, reverse=True)

    def _redacted(self, data: bytes, asked: Asked) -> bytes:
        for secret in self._secrets(asked):
            data = data.replace(secret.encode(), b"***")
        return data

    @asynccontextmanager
    async def slot(self) -> AsyncGenerator[None, None]:
        """Hold one of the client's places for runs, and one of the caller's own limiter."""
        home = await self.transport.home()
        limiter = self.transport.settings.limiter
        async with home.slots, limiter() if limiter is not None else nullcontext():
            yield


def _content(request: Request) -> AbstractAsyncContextManager[bytes | aiohttp.FormData | None]:
    data = request.data
    return multipart(data) if isinstance(data, Form) else nullcontext(data)


def _query_text(query: Mapping[str, Any]) -> str:
    return urlencode(
        {
            key: str(value).lower() if isinstance(value, bool) else value
            for key, value in query.items()
            if value is not None
        }
    )


def _may_stream(answer: aiohttp.ClientResponse) -> bool:
    # A proxy may drop or change the type; JSON and pages are the two that are certainly no streams.
    return answer.content_type not in {"application/json", "text/html"}


def _described(answer: aiohttp.ClientResponse | Response, body: bytes) -> str:
    kind = answer.headers.get("Content-Type", "")
    if "html" in kind or body.lstrip()[:1] == b"<":
        return "a web page; base_url probably leads to Dify's web app or a proxy instead of its API"
    if not body:
        return "nothing"
    return "JSON" if "json" in kind and _is_json(body) else "something else, or only a part of it"


def _is_json(body: bytes) -> bool:
    try:
        parse_json(body)
    except ValueError:
        return False
    return True
