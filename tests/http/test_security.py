"""Hostile servers, proxies and inputs cannot redirect keys, inject into a request, or fill memory."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import functools
import gc
import gzip
import inspect
import io
import itertools
import json
import logging
import os
import ssl
import traceback
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import trustme
from aiohttp import web
from werkzeug.wrappers import Request

from dify_async import AppClient, Retry, Timeouts, errors
from dify_async.models import RunHandle
from dify_async.resources.app.app import App
from dify_async.resources.app.files import Files
from dify_async.resources.app.workflows import Workflows
from dify_async.testing import FakeDify
from tests.support.clients import KEY, NO_RETRY, app_client
from tests.support.limits import HANGS_AFTER
from tests.support.servers import serve

PASSWORD = "hunter2"
IN_BASE64 = "dXNlcjpodW50ZXIy"  # user:hunter2, as sent to a proxy
MIB = 2**20

Call = Callable[[AppClient, Path], Awaitable[object]]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DIFY_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@asynccontextmanager
async def sending(head: bytes, parts: Iterable[bytes] = ()) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Yield the URL of a server that responds with these bytes, and an event that is set when its client disconnects."""
    tasks: set[asyncio.Task[None]] = set()
    left = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head)
            for part in parts:
                writer.write(part)
                await writer.drain()
            while await reader.read(2**16):
                pass
        left.set()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", left
            async with asyncio.timeout(HANGS_AFTER):
                await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()


client_of = functools.partial(app_client, retry=NO_RETRY)


async def _streamed(client: AppClient) -> None:
    async with client.workflows.stream({"a": "b"}) as run:
        await run.result()


async def _run_in_batch(client: AppClient, workflow_id: str) -> None:
    async with client.workflows.run_many([{}], workflow_id=workflow_id, check_inputs=False) as batch:
        async for outcome in batch:
            if outcome.error is not None:
                raise outcome.error


async def _attached(client: AppClient, run: str) -> None:
    async with client.workflows.attach(run) as stream:
        await stream.result()


CALLS: dict[str, tuple[str, Call]] = {
    "run": ("POST", lambda client, _: client.workflows.run({"a": "b"})),
    "stream": ("POST", lambda client, _: _streamed(client)),
    "blocking": ("POST", lambda client, _: client.workflows.run({"a": "b"}, response_mode="blocking")),
    "stop": ("POST", lambda client, _: client.workflows.stop("t")),
    "upload": ("POST", lambda client, _: client.files.upload(b"content", name="a.txt")),
    "preview": ("GET", lambda client, _: client.files.preview("f")),
    "download": ("GET", lambda client, folder: client.files.preview("f", folder / "f.bin")),
    "info": ("GET", lambda client, _: client.app.info()),
    "logs": ("GET", lambda client, _: client.workflows.logs().all()),
    "request": ("PUT", lambda client, _: client.request("PUT", "/x", json={"a": "b"})),
}


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", CALLS)
async def test_no_redirect_is_followed(tmp_path: Path, call: str, status: int) -> None:
    method, ask = CALLS[call]
    asked: list[str] = []
    elsewhere: list[str] = []

    async def catch(request: web.BaseRequest) -> web.StreamResponse:
        elsewhere.append(request.method)
        return web.json_response({})

    async def redirect(request: web.BaseRequest) -> web.StreamResponse:
        await request.read()
        asked.append(request.method)
        return web.Response(status=status, headers={"Location": f"{target}/v1/new?token=hunter2#hunter2"})

    async with serve(catch) as other, serve(redirect) as same:
        for target in (other, same):
            async with client_of(same, retry=Retry()) as client:
                with pytest.raises(errors.ApiError, match="base_url") as caught:
                    await ask(client, tmp_path)
            assert type(caught.value) is errors.ApiError
            assert caught.value.status == status
            assert f"{target}/v1/new" in str(caught.value)
            assert "hunter2" not in repr(caught.value) + repr(vars(caught.value))
    assert (asked, elsewhere) == ([method, method], [])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("https://user:hunter2@other.test/v1", "https://other.test/v1"),
        ("//user:hunter2@other.test/v1?token=hunter2", "another path"),
        ("/v2?token=hunter2", "another path"),
        ("javascript:hunter2", "another path"),
        ("", "another path"),
    ],
)
async def test_a_redirect_is_reported_without_its_secrets(place: str, message: str) -> None:
    async def redirect(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": place})

    async with serve(redirect) as address, client_of(address) as client:
        with pytest.raises(errors.ApiError, match=message) as caught:
            await client.app.info()
    assert "hunter2" not in str(caught.value)


# TLS


@pytest.mark.parametrize(
    ("name", "days", "says"),
    [
        ("other.test", 1, "not valid for '127.0.0.1'"),
        ("127.0.0.1", -1, "expired"),
    ],
)
async def test_a_certificate_of_another_host_is_rejected(name: str, days: int, says: str) -> None:
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({})

    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    until = dt.datetime.now(dt.UTC) + dt.timedelta(days=days)
    authority.issue_cert(name, not_after=until).configure_cert(tls)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    async with serve(answer, tls) as address, client_of(address, ssl=context) as client:
        for call in (client.app.info, lambda: client.workflows.run({})):
            with pytest.raises(errors.ConnectionFailed, match=f"TLS failed.*{says}") as caught:
                await call()
            assert not caught.value.may_have_started
    assert asked == []


async def test_a_tunnelling_proxy_sees_no_key_and_cannot_impersonate_the_server() -> None:
    heads: list[bytes] = []
    impostor = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("dify.test").configure_cert(impostor)

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            await writer.start_tls(impostor)
            heads.append(await reader.read())
        writer.close()
        done.set()

    done = asyncio.Event()
    async with await asyncio.start_server(tunnel, "127.0.0.1", 0) as server:
        proxy = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with client_of("https://dify.test", proxy=proxy) as client:
            with pytest.raises(errors.ConnectionFailed, match="TLS failed"):
                await client.app.info()
        async with asyncio.timeout(HANGS_AFTER):
            await done.wait()
    assert heads[0].startswith(b"CONNECT dify.test:443 ")
    assert KEY.encode() not in b"".join(heads)


# Cookies


async def test_cookies_are_never_sent_back() -> None:
    sent: list[str | None] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        sent.append(request.headers.get("Cookie"))
        return web.json_response({}, headers={"Set-Cookie": "session=eve; Path=/; Max-Age=9999"})

    async with serve(answer) as address:
        # By a name: aiohttp's cookie jars keep no cookies of IP addresses.
        async with client_of(address.replace("127.0.0.1", "localhost")) as client:
            for user in ("ada", "bob", "bob"):
                await client.for_user(user).workflows.stop("t")
                await client.app.info()
    assert sent == [None] * 6


# Paths

IDS = ["a/b", "a?b=c", "a#b", "a%2Fb", "../../info", "..", ".", "%2e%2e", "..\\..", "/", "?", "#", "运行/一",
       "a\r\nX-Evil: yes", "a\0b", "\x1b[2J", "a b", "\tb", "a;b=c", "&user=eve", "{file_id}", "%"]  # fmt: skip

BY_ID: dict[str, tuple[list[tuple[str, str]], Callable[[AppClient, str, Path], Awaitable[object]]]] = {
    "run": ([("/v1/workflows/", "/run")], lambda client, given, _: client.workflows.run({}, workflow_id=given)),
    "run_many": ([("/v1/workflows/", "/run")], lambda client, given, _: _run_in_batch(client, given)),
    "submit": ([("/v1/workflows/", "/run")], lambda client, given, _: client.workflows.submit({}, workflow_id=given)),
    "stream": (
        [("/v1/workflows/", "/run")],
        lambda client, given, _: client.workflows.stream({}, workflow_id=given).__aenter__(),
    ),
    "attach": ([("/v1/workflow/", "/events")], lambda client, given, _: _attached(client, given)),
    "wait": (
        [("/v1/workflow/", "/events"), ("/v1/workflows/run/", "")],
        lambda client, given, _: client.workflows.wait(RunHandle(run_id=given, task_id=None, user="ada", kind="workflow")),
    ),
    "resume": (
        [("/v1/workflow/", "/events")],
        lambda client, given, _: client.workflows.resume(given, "t", {}, "ok").__aenter__(),
    ),
    "get": ([("/v1/workflows/run/", "")], lambda client, given, _: client.workflows.get(given)),
    "stop": ([("/v1/workflows/tasks/", "/stop")], lambda client, given, _: client.workflows.stop(given)),
    "preview": ([("/v1/files/", "/preview")], lambda client, given, _: client.files.preview(given)),
    "preview to a path": (
        [("/v1/files/", "/preview")],
        lambda client, given, folder: client.files.preview(given, folder / "f.bin"),
    ),
}  # fmt: skip


def test_every_method_with_an_id_is_tested() -> None:
    found = {
        name
        for resource in (Workflows, Files, App)
        for name, method in inspect.getmembers(resource, inspect.isfunction)
        if not name.startswith("_")
        and {"workflow_id", "workflow_run_id", "task_id", "file", "run"} & {*inspect.signature(method).parameters}
    }  # fmt: skip
    # An upload sends no id, and a download takes an address.
    assert found - {"upload", "download"} == {name.split()[0] for name in BY_ID}


@pytest.mark.parametrize("call", BY_ID)
async def test_an_id_stays_one_path_segment_or_is_rejected(tmp_path: Path, call: str) -> None:
    places, ask = BY_ID[call]
    asked: list[tuple[str, str | None, list[str]]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        users = request.query.getall("user", ["ada"])
        asked.append((request.raw_path.partition("?")[0], request.headers.get("X-Evil"), users))
        return web.json_response({"code": "not_found", "message": "", "status": 404}, status=404)

    async with serve(answer) as address, client_of(address) as client:
        for given in IDS:
            asked.clear()
            with pytest.raises((errors.NotFound, errors.ConfigurationError)) as caught:
                await ask(client, given, tmp_path)
            rejected = isinstance(caught.value, errors.ConfigurationError)
            assert len(asked) == (0 if rejected else len(places))
            for (path, evil, users), (start, end) in zip(asked, places, strict=False):
                assert path.startswith(start)
                assert path.endswith(end)
                segment = path.removeprefix(start).removesuffix(end)
                assert not set(segment) & set("/?#\\;& ")
                assert (unquote(segment), evil, users) == (given, None, ["ada"])


@pytest.mark.parametrize("user", ["ada&user=eve", "a#b", "a/../b", "a\r\nX-Evil: yes", "a\0b", "用户 +%20"])
async def test_an_end_user_stays_one_query_value(user: str) -> None:
    asked: list[tuple[str, str, dict[str, str]]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        asked.append((request.method, request.path, dict(request.query)))
        assert "X-Evil" not in request.headers
        return web.Response(body=b"x")

    async with serve(answer) as address, client_of(address, user=user) as client:
        await client.files.preview("f")
    assert asked == [("GET", "/v1/files/f/preview", {"user": user})]


@pytest.mark.parametrize("call", BY_ID)
async def test_an_id_that_is_not_a_str_is_rejected(tmp_path: Path, fake_dify: FakeDify, call: str) -> None:
    async with client_of(fake_dify.base_url) as client:
        wrong: Any
        for wrong in ("a\ud800", ["a"], b"a"):
            with pytest.raises(errors.ConfigurationError):
                await BY_ID[call][1](client, wrong, tmp_path)
    assert fake_dify.requests == []


async def test_an_end_user_that_is_not_a_str_is_rejected(fake_dify: FakeDify) -> None:
    async with client_of(fake_dify.base_url) as client:
        for call in (
            lambda user: user.workflows.run({}),
            lambda user: user.files.preview("f"),
            lambda user: user.files.upload(b"x", name="a.txt"),
        ):
            with pytest.raises(errors.ConfigurationError):
                await call(client.for_user("a\ud800"))
    assert fake_dify.requests == []


# Headers and forms

BREAKS = ["a\r\nX-Evil: yes", "a\nX-Evil: yes", "a\rX-Evil: yes", "a\0b"]


@pytest.mark.parametrize("text", BREAKS)
async def test_no_text_can_end_its_header(fake_dify: FakeDify, tmp_path: Path, text: str) -> None:
    for wrong in ({"api_key": f"app-{text}"}, {"headers": {"X-A": text}}, {"headers": {text: "a"}}):
        with pytest.raises(errors.ConfigurationError) as caught:
            AppClient(**{"api_key": "app-x", "user": "ada", **wrong})  # type: ignore[arg-type]
        assert "Evil: yes" not in str(caught.value).replace(repr(text), "")
    async with client_of(fake_dify.base_url) as client:
        for headers in ({"X-A": text}, {text: "a"}):
            for call in (
                lambda headers: client.app.info(extra_headers=headers),
                lambda headers: client.workflows.run({}, extra_headers=headers),
                lambda headers: client.workflows.run({}, response_mode="blocking", extra_headers=headers),
                lambda headers: client.files.upload(b"x", name="a.txt", extra_headers=headers),
                lambda headers: client.files.preview("f", tmp_path / "f", extra_headers=headers),
                lambda headers: client.request("GET", "/info", extra_headers=headers),
            ):
                with pytest.raises(errors.ConfigurationError):
                    await call(headers)
        with pytest.raises(errors.ConfigurationError):
            await client.workflows.run({}, trace_session_id=text)
    assert fake_dify.requests == []


@pytest.mark.parametrize(
    ("name", "value"),
    [("", "a"), ("X-A: b", "a"), ("X A", "a"), ("X-Ä", "a"), ("X-A", "a\x1fb"), ("X-A", "a\x7fb"), ("X-A", "a\ud800")],
)  # fmt: skip
def test_text_that_no_header_can_carry_is_rejected(name: str, value: str) -> None:
    with pytest.raises(errors.ConfigurationError):
        AppClient("app-x", headers={name: value})


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET / HTTP/1.1\r\nX-Evil: yes\r\n\r\nGET", "/info"),
        ("GET /admin", "/info"),
        ("GET", "/info HTTP/1.1\r\nX-Evil: yes\r\n\r\n"),
        ("GET", "/info HTTP/1.1"),
        ("GET", "/in\0fo"),
        ("GET", "/in\ud800fo"),
    ],
)
async def test_client_request_sends_one_request_or_none(fake_dify: FakeDify, method: str, path: str) -> None:
    async with client_of(fake_dify.base_url) as client:
        with pytest.raises(errors.ConfigurationError):
            await client.request(method, path)
    assert fake_dify.requests == []


FORGED = 'x"\r\nContent-Disposition: form-data; name="user"\r\n\r\neve\r\n--'


@pytest.mark.parametrize(
    ("user", "name"),
    [
        ("ada", 'a"; name="user"; filename="b.txt'),
        ("ada", 'a.txt"; name="user'),
        ("ada", 'a\\"; name=user; x=\\".txt'),
        (FORGED, "a.txt"),
        ('"; filename="evil.sh', "a.txt"),
        ("a\r\n\r\n--b--\r\n\0", "a.txt"),
    ],
)  # fmt: skip
async def test_a_form_has_exactly_one_end_user_and_one_file(user: str, name: str) -> None:
    forms: list[tuple[dict[str, list[str]], list[tuple[str, str | None, bytes]]]] = []

    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_TYPE": request.headers["Content-Type"],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body),
        }
        with Request(environ) as read:
            files = [(key, file.filename, file.read()) for key, file in read.files.items(multi=True)]
            forms.append((read.form.to_dict(flat=False), files))
        return web.json_response({"id": "f", "name": "n"}, status=201)

    async with serve(answer) as address, client_of(address, user=user) as client:
        await client.files.upload(b"content", name=name)
    assert forms == [({"user": [user]}, [("file", name, b"content")])]


@pytest.mark.parametrize("text", BREAKS)
async def test_a_file_name_or_type_that_would_end_its_form_part_is_rejected(
    fake_dify: FakeDify, text: str
) -> None:
    async with client_of(fake_dify.base_url) as client:
        for wrong in ({"name": f"{text}.txt"}, {"name": "a.txt", "mime_type": f"text/{text}"}):
            with pytest.raises(errors.ConfigurationError):
                await client.files.upload(b"x", **wrong)
    assert fake_dify.requests == []


# Limits


@contextmanager
def peak_below(mebibytes: int) -> Iterator[None]:
    """Fail if more memory is held at any time, including the server's in this process."""
    gc.collect()
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * MIB


def bomb(encoding: str) -> bytes:
    """Return about 300 KiB that expand to 300 MiB."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b"x" * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    start = b"\x1f\x8b\x08" + bytes(6) + b"\xff" if encoding == "gzip" else b"\x78\xda"
    return start + block * 300


BODIES: dict[str, tuple[bytes, Iterable[bytes]]] = {
    "gzip": (b"Content-Encoding: gzip\r\n", [bomb("gzip")]),
    "deflate": (b"Content-Encoding: deflate\r\n", [bomb("deflate")]),
    "endless": (b"", itertools.repeat(b"x" * 2**16)),
    "endless in chunks": (b"Transfer-Encoding: chunked\r\n", itertools.repeat(b"8000\r\n" + b"[" * 2**15 + b"\r\n")),
}  # fmt: skip

JSON = "application/json"
ANSWERS: dict[str, tuple[int, str, str]] = {
    "JSON": (200, JSON, "info"),
    "an error": (500, JSON, "info"),
    "a page of a proxy": (502, "text/html", "info"),
    "a page of a redirect": (302, "text/html", "info"),
    "a file": (200, "image/png", "preview"),
    "a result in one piece": (200, JSON, "blocking"),
    "a stream": (200, "text/event-stream", "run"),
    "a rejected run": (400, JSON, "run"),
    "no stream": (200, JSON, "stream"),
    "a rejected download": (404, JSON, "download"),
    "a rejected upload": (413, "text/html", "upload"),
}


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("answer", ANSWERS)
async def test_an_endless_response_is_rejected(tmp_path: Path, answer: str, body: str) -> None:
    status, kind, call = ANSWERS[answer]
    headers, parts = BODIES[body]
    head = b"HTTP/1.1 %d X\r\nContent-Type: %b\r\n%b\r\n" % (status, kind.encode(), headers)
    async with sending(head, parts) as (address, left), client_of(address, max_event_bytes=MIB) as client:
        with peak_below(8), pytest.raises(errors.TooLarge) as caught:
            await CALLS[call][1](client, tmp_path)
        async with asyncio.timeout(HANGS_AFTER):
            await left.wait()
    assert caught.value.limit == MIB
    assert list(tmp_path.iterdir()) == []


FINISHED = (
    b'data: {"event": "workflow_finished", "workflow_run_id": "r", "data": {"status": "succeeded"}}\n\n'
)
STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"


@pytest.mark.parametrize(
    "part",
    [b"data: " + b"x" * 1000, b"event: ping\n", b"data: x\r", b"\xef\xbb\xbf", b"id"],
    ids=repr,
)  # fmt: skip
async def test_an_endless_event_is_rejected(part: bytes) -> None:
    parts = itertools.repeat(part * (2**16 // len(part)))
    async with sending(STREAM, parts) as (address, left), client_of(address, max_event_bytes=MIB) as client:
        with peak_below(8), pytest.raises(errors.TooLarge):
            await client.workflows.run({})
        async with asyncio.timeout(HANGS_AFTER):
            await left.wait()


@pytest.mark.parametrize(
    ("part", "mebibytes"),
    [
        (b": " + b"x" * 1000 + b"\n\n", 32),
        (b": a comment\n", 4),
        (b"event: ping\n\n", 4),
        (b"\n", 6),
        (b"\r", 6),
        (b'data: {"event": "tts_message", "audio": "' + b"x" * 4000 + b'"}\n\n', 32),
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
async def test_endless_comments_take_no_memory(part: bytes, mebibytes: int) -> None:
    parts = [part * (2**16 // len(part))] * (16 * mebibytes)
    async with sending(STREAM, [*parts, FINISHED]) as (address, _), client_of(address) as client:
        with peak_below(3):
            assert (await client.workflows.run({})).status == "succeeded"


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nX-A: ", b"x" * 2**16),
        (b"HTTP/1.1 200 ", b"x" * 2**16),
        (b"", b"x" * 2**16),
    ],
    ids=["headers", "a header", "a reason", "no HTTP"],
)
async def test_endless_headers_are_rejected(head: bytes, part: bytes) -> None:
    async with sending(head, itertools.repeat(part)) as (address, left), client_of(address) as client:
        with peak_below(8), pytest.raises(errors.ConnectionFailed, match="malformed HTTP") as caught:
            await client.app.info()
        async with asyncio.timeout(HANGS_AFTER):
            await left.wait()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;", b"x" * 2**16),
    ],
    ids=["interim answers", "a chunk's head"],
)
async def test_endless_informational_responses_take_no_memory_until_the_timeout(
    head: bytes, part: bytes
) -> None:
    async with sending(head, itertools.repeat(part)) as (address, left), client_of(address) as client:
        with peak_below(8), pytest.raises(errors.TotalTimeout):
            await client.app.info(timeout=0.3)
        async with asyncio.timeout(HANGS_AFTER):
            await left.wait()


async def test_a_download_takes_constant_memory_even_if_it_is_compressed(tmp_path: Path) -> None:
    body = gzip.compress(bytes(64 * MIB))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with sending(head, [body]) as (address, _), client_of(address, max_event_bytes=MIB) as client:
        with peak_below(8):
            path = await client.files.preview("f", tmp_path / "f.bin")
    assert path.stat().st_size == 64 * MIB


# Secrets


def logged_text(error: BaseException) -> str:
    """Return the text that logs would show for an error: its traceback, and those of its causes."""
    texts = [*traceback.format_exception(error)]
    chain: BaseException | None = error
    while chain is not None:
        texts += [str(chain), repr(chain)]
        # Results and partial results are data of the run, and returned as received.
        texts += [
            f"{name}={value!r}" for name, value in vars(chain).items() if name not in {"result", "partial"}
        ]
        chain = chain.__cause__ or (None if chain.__suppress_context__ else chain.__context__)
    return "\n".join(texts)


def _event(**fields: object) -> bytes:
    return (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: %b\n\n"
        % json.dumps(fields).encode()
    )


def _answer(status: int, body: str, kind: str = JSON, more: str = "") -> bytes:
    head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body.encode()


ECHO = f"you sent Authorization: Bearer {KEY} and X-Proxy-Token: {PASSWORD}"
ECHOES: dict[str, bytes] = {
    "an error": _answer(400, json.dumps({"code": "invalid_param", "message": ECHO, "status": 400})),
    "an error of another shape": _answer(500, json.dumps([ECHO])),
    "a code": _answer(400, json.dumps({"code": ECHO, "message": "", "params": ECHO})),
    "a page of a proxy": _answer(502, f"<title>{ECHO}</title>", "text/html"),
    "a page as an answer": _answer(200, f"<title>{ECHO}</title>", "text/html"),
    "a text as an answer": _answer(200, ECHO, "text/plain"),
    "a field that does not fit": _answer(200, json.dumps({"name": [ECHO], "id": [ECHO], "status": {ECHO: ECHO}})),
    "a field's name": _answer(200, json.dumps({"tags": {ECHO: 1}, "outputs": [{ECHO: 1}]})),
    "an event": _event(event="error", status=400, code="invalid_param", message=ECHO),
    "a code of an event": _event(event="error", status=400, code=ECHO, message=""),
    "an event without a code": _event(event="error", message=ECHO),
    "a run that fails": _event(event="workflow_finished", workflow_run_id="r", data={"status": "failed", "error": ECHO}),
    "a last event that does not fit": _event(event="workflow_finished", workflow_run_id="r", data={"status": [ECHO]}),
    "a redirect": _answer(302, "", "text/html", f"Location: https://other.test/{KEY}\r\n"),
    "a redirect's query": _answer(302, "", "text/html", f"Location: https://other.test/?key={KEY}\r\n"),
    "an error that is cut off": _answer(502, ECHO)[:-1],
    "an answer that is cut off": _answer(200, ECHO)[:-1],
    "an error over the ceiling": _answer(502, ECHO + "x" * 5000),
    "an event over the ceiling": _event(event="error", message=ECHO + "x" * 5000),
    "a broken header": f"HTTP/1.1 200 OK\r\n{ECHO.replace(':', '')}\r\n\r\n".encode(),
    "no HTTP": f"{ECHO}\r\n\r\n".encode(),
}  # fmt: skip


@asynccontextmanager
async def answering(data: bytes) -> AsyncIterator[str]:
    """Yield the URL of a server that responds to every request with these bytes and disconnects."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            # What is unread when a connection closes would reset it, and overtake the answer.
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]
            await reader.readexactly(int(length or 0))
            writer.write(data)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def _text_of_all_errors(address: str, caplog: pytest.LogCaptureFixture, **settings: Any) -> str:
    """Make calls that fail, and return all text that describes the failures."""
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    async with client_of(address, retry=Retry(attempts=2, base=0.001), **settings) as client:
        texts += [repr(client), repr(client.workflows), repr(client.files), repr(client._api)]
        calls: list[Callable[[], Awaitable[object]]] = [
            client.app.info,
            lambda: client.workflows.run({}),
            lambda: client.workflows.run({}, response_mode="blocking"),
            lambda: client.workflows.get("r"),
        ]
        for call in calls:
            # Any response to a streaming request is read as a stream, and any other response as JSON.
            with contextlib.suppress(errors.DifyError):
                try:
                    await call()
                except errors.DifyError as error:
                    texts.append(logged_text(error))
                    raise
    assert len(texts) > 4
    return "\n".join([*texts, *(record.getMessage() for record in caplog.records), caplog.text])


@pytest.mark.parametrize("echo", ECHOES)
async def test_a_key_that_the_server_echoes_is_masked(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    async with answering(ECHOES[echo]) as address:
        assert KEY not in await _text_of_all_errors(address, caplog, max_event_bytes=4000)


@pytest.mark.parametrize("echo", ["an error", "a page of a proxy", "a page as an answer", "an event"])
async def test_a_header_that_the_server_echoes_is_masked(echo: str, caplog: pytest.LogCaptureFixture) -> None:
    headers = {"X-Proxy-Token": PASSWORD}
    async with answering(ECHOES[echo]) as address:
        assert PASSWORD not in await _text_of_all_errors(
            address, caplog, headers=headers, max_event_bytes=4000
        )


@pytest.mark.parametrize("base_url", ["http://dify.test", "https://dify.test"])
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 407 X\r\nContent-Length: 0\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"no HTTP\r\n\r\n",
        _answer(403, f"<title>Proxy-Authorization: Basic {IN_BASE64}</title>", "text/html"),
    ],
    ids=["nothing", "407", "no HTTP", "echo"],
)
async def test_the_password_of_a_proxy_is_masked(
    base_url: str, answer: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with answering(answer) as address:
        proxy = address.replace("http://", f"http://user:{PASSWORD}@")
        text = await _text_of_all_errors(base_url, caplog, proxy=proxy)
    assert PASSWORD not in text
    assert IN_BASE64 not in text


async def test_the_password_of_an_unreachable_proxy_is_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for base_url in ("http://dify.test", "https://dify.test"):
        assert PASSWORD not in await _text_of_all_errors(
            base_url, caplog, proxy=f"http://user:{PASSWORD}@127.0.0.1:9"
        )


async def test_headers_of_a_call_are_masked(tmp_path: Path) -> None:
    headers = {"X-Proxy-Token": PASSWORD}
    async with client_of("http://127.0.0.1:9") as client:
        calls: list[Awaitable[object]] = [
            client.app.info(extra_headers=headers),
            client.workflows.run({}, extra_headers=headers),
            client.workflows.run({}, response_mode="blocking", extra_headers=headers),
            client.files.upload(b"x", name="a.txt", extra_headers=headers),
            client.files.preview("f", tmp_path / "f", extra_headers=headers),
            client.request("GET", "/info", extra_headers=headers),
        ]
        texts: list[str] = []
        for call in calls:
            with pytest.raises(errors.ConnectionFailed) as caught:
                await call
            texts.append(logged_text(caught.value))
    assert [text.count(PASSWORD) for text in texts] == [0] * len(calls)


def test_a_client_whose_construction_failed_has_a_repr() -> None:
    # As tools do that show the local variables of a traceback: in Python 3.11, those of `traceback` too.
    assert "AppClient" in repr(AppClient.__new__(AppClient))


@pytest.mark.parametrize(
    "wrong",
    [{"max_concurrent": 0}, {"base_url": "dify.test"}, {"user": ""}, {"headers": {"X-A": f"{PASSWORD}\n"}}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_errors_of_rejected_settings_show_no_secrets(wrong: dict[str, Any]) -> None:
    settings = {
        "proxy": f"http://user:{PASSWORD}@proxy.test",
        "headers": {"X-Proxy-Token": PASSWORD},
        **wrong,
    }
    with pytest.raises(errors.ConfigurationError) as caught:
        AppClient(KEY, **settings)
    text = logged_text(caught.value)
    assert KEY not in text
    assert PASSWORD not in text


async def test_errors_of_timeouts_show_no_secrets() -> None:
    headers = {"X-Proxy-Token": PASSWORD}
    clocks = Timeouts(read=0.1, idle=0.1)
    async with (
        sending(b"HTTP/1.1 200 OK\r\n") as (address, _),
        client_of(address, headers=headers, timeouts=clocks) as client,
    ):
        for call in (
            client.app.info,
            lambda: client.app.info(timeout=0.05),
            lambda: client.workflows.run({}),
        ):
            with pytest.raises(errors.TransportError) as caught:
                await call()
            text = logged_text(caught.value)
            assert KEY not in text
            assert PASSWORD not in text
