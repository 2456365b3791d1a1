"""Proxies and TLS, with real ones on this machine."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator

import pytest
import trustme
from aiohttp import web

from dify_async import AppClient, Retry, errors
from tests.support.servers import serve


@pytest.fixture
async def proxy(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[str, list[str]]]:
    """Yield a proxy that responds by itself, and the requests that it received."""
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "no_proxy",
        "NO_PROXY",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(f"{request.method} {request.url} {request.headers.get('Proxy-Authorization', '-')}")
        return web.json_response({"name": "by the proxy"})

    async with serve(answer) as address:
        yield address, asked


async def test_the_proxy_of_the_environment_is_used(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("http_proxy", address)
    async with AppClient("app-x", base_url="http://dify.test") as client:
        assert (await client.app.info()).name == "by the proxy"
    assert asked == ["GET http://dify.test/v1/info -"]


async def test_the_proxy_argument_is_used_with_its_password(proxy: tuple[str, list[str]]) -> None:
    address, asked = proxy
    given = address.replace("http://", "http://user:hunter2@")
    async with AppClient("app-x", base_url="http://dify.test", proxy=given) as client:
        await client.app.info()
        assert "hunter2" not in repr(client)
    assert asked == ["GET http://dify.test/v1/info Basic dXNlcjpodW50ZXIy"]


async def test_hosts_in_no_proxy_are_requested_directly(
    proxy: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, asked = proxy
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    async with AppClient("app-x", base_url=address) as client:
        assert (await client.app.info()).name == "by the proxy"
    assert len(asked) == 1


async def test_an_unreachable_proxy_is_reported_without_its_password() -> None:
    settings = Retry(attempts=1)
    proxy = "http://user:hunter2@127.0.0.1:9"
    async with AppClient("app-x", base_url="http://dify.test", proxy=proxy, retry=settings) as client:
        with pytest.raises(errors.ConnectionFailed, match="proxy cannot be reached") as caught:
            await client.app.info()
    assert "hunter2" not in str(caught.value)


@pytest.fixture
async def tls_server() -> AsyncIterator[tuple[str, trustme.CA]]:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(tls)

    async def answer(_: web.BaseRequest) -> web.Response:
        return web.json_response({"name": "by TLS"})

    async with serve(answer, tls) as address:
        yield address, authority


async def test_a_certificate_of_an_unknown_authority_is_rejected(tls_server: tuple[str, trustme.CA]) -> None:
    async with AppClient("app-x", base_url=tls_server[0], retry=Retry(attempts=1)) as client:
        with pytest.raises(errors.ConnectionFailed, match=r"TLS failed.*ssl=") as caught:
            await client.app.info()
    assert not caught.value.may_have_started


async def test_a_custom_certificate_authority_is_accepted(tls_server: tuple[str, trustme.CA]) -> None:
    context = ssl.create_default_context()
    tls_server[1].configure_trust(context)
    async with AppClient("app-x", base_url=tls_server[0], ssl=context) as client:
        assert (await client.app.info()).name == "by TLS"


async def test_verification_can_be_switched_off(tls_server: tuple[str, trustme.CA]) -> None:
    async with AppClient("app-x", base_url=tls_server[0], ssl=False) as client:
        assert (await client.app.info()).name == "by TLS"
