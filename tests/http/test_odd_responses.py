"""Responses of gateways and broken servers raise a typed error that describes the response."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dify_async import errors, sync
from tests.support.clients import NO_RETRY, app_client, web_client
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

CALLS: dict[str, Callable[[Any], Any]] = {
    "info": lambda client: client.app.info(),
    "run": lambda client: client.workflows.run({}),
    "run in blocking mode": lambda client: client.workflows.run({}, response_mode="blocking"),
    "message": lambda client: client.chat.send("hi"),
    "message in blocking mode": lambda client: client.chat.send("hi", response_mode="blocking"),
    "completion in blocking mode": lambda client: client.completions.create({}, response_mode="blocking"),
    "upload": lambda client: client.files.upload(b"x", name="x"),
    "record": lambda client: client.workflows.get("r"),
    "list": lambda client: client.workflows.logs().first_page(),
}


def server_of(data: bytes) -> RawServer:
    async def handler(call: Call) -> None:
        await call.send(data)

    return RawServer(handler)


def closing(body: Any, kind: str) -> bytes:
    return answer(body, headers=f"Content-Type: {kind}\r\nConnection: close\r\n")


REJECTIONS: list[Any] = [
    {"code": "quota", "message": "GATEWAY WORDS"},
    {"code": 401, "message": "GATEWAY WORDS", "data": None},
    {"error": {"code": "quota", "message": "GATEWAY WORDS"}},
    {"error": "GATEWAY WORDS"},
    {"detail": "GATEWAY WORDS"},
    {"errcode": 40001, "errmsg": "GATEWAY WORDS"},
]


@pytest.mark.parametrize("body", REJECTIONS, ids="-".join)
@pytest.mark.parametrize("kind", ["application/json", "application/problem+json", "text/event-stream"])
async def test_a_gateway_that_rejects_with_status_200(kind: str, body: Any) -> None:
    with server_of(closing(body, kind)) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            for name, call in CALLS.items():
                if name == "record" and body == {"error": "GATEWAY WORDS"}:
                    continue  # That is a field of a run.
                with pytest.raises((errors.DecodeError, errors.OutcomeUnknown), match="GATEWAY WORDS"):
                    await call(client)


async def test_a_gateway_of_the_web_api() -> None:
    with server_of(closing(REJECTIONS[0], "application/json")) as server:
        async with web_client(server.base_url, passport="p", retry=NO_RETRY) as client:
            for call in (client.app.meta, lambda: client.workflows.run({}), lambda: client.chat.send("x")):
                with pytest.raises(errors.DecodeError, match="GATEWAY WORDS"):
                    await call()


def test_a_gateway_before_the_blocking_client() -> None:
    with (
        server_of(closing(REJECTIONS[0], "application/json")) as server,
        sync.AppClient(**settings_for("app", server.base_url, retry=NO_RETRY)) as client,
    ):
        for name in ("info", "run", "message in blocking mode"):
            with pytest.raises(errors.DecodeError, match="quota: GATEWAY WORDS"):
                CALLS[name](client)


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip", "deflate"])
async def test_a_response_that_cannot_be_decompressed(encoding: str) -> None:
    body = closing(b"\x01\x02\x03\x04\x05", "application/json").replace(
        b"\r\n\r\n", f"\r\nContent-Encoding: {encoding}\r\n\r\n".encode(), 1
    )
    with server_of(body) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            with pytest.raises(errors.ConnectionFailed, match=r"compressed.*Content-Encoding"):
                await client.app.info()
            with pytest.raises(errors.OutcomeUnknown, match=r"compressed.*Content-Encoding"):
                await client.workflows.run({})


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"hello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 99 X\r\nContent-Length: 2\r\n\r\n{}",
    ],
    ids=range(6),
)
async def test_malformed_http_responses(data: bytes) -> None:
    with server_of(data) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            with pytest.raises(errors.ConnectionFailed, match="malformed HTTP response"):
                await client.app.info()
            with pytest.raises(errors.OutcomeUnknown, match="malformed HTTP response") as caught:
                await client.workflows.run({})
    assert caught.value.may_have_started


@pytest.mark.parametrize("size", [8_000, 20_000, 60_000])
async def test_a_long_header_is_read(size: int) -> None:
    with server_of(answer({"name": "n"}, headers=f"X-Long: {'a' * size}\r\n")) as server:
        async with app_client(server.base_url) as client:
            assert (await client.app.info()).name == "n"


@pytest.mark.parametrize(
    "retry_after", ["inf", "nan", "-1", "9" * 40, "\xb2", "Fri, 31 Dec 99999 23:59:59 GMT", ""]
)
async def test_a_retry_after_that_is_not_a_time(retry_after: str) -> None:
    headers = f"Retry-After: {retry_after}\r\nConnection: close\r\n"
    with server_of(answer({"code": "too_many_requests", "message": "m"}, "429 X", headers)) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            for name in ("info", "run", "run in blocking mode"):
                with pytest.raises(errors.RateLimited):
                    await CALLS[name](client)


@pytest.mark.parametrize("status", [101, 199, 302, 418, 599, 999])
async def test_a_status_that_dify_does_not_use(status: int) -> None:
    with server_of(
        answer({"code": "x", "message": "words"}, f"{status} X", "Connection: close\r\n")
    ) as server:
        async with app_client(server.base_url, retry=NO_RETRY) as client:
            for name in ("info", "run"):
                with pytest.raises(errors.DifyError) as caught:
                    await CALLS[name](client)
                if isinstance(caught.value, errors.ApiError):
                    assert caught.value.status == status
