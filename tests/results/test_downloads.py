"""Files of runs and answers: downloaded from signed URLs, completely or not at all, without a key."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dify_async import AppClient, WebAppClient, errors, events, models, sync
from dify_async.models import RunFile
from tests.support.clients import NO_RETRY
from tests.support.families import settings_for
from tests.support.raw_server import Call, RawServer, answer

CONTENT = b"a picture" * 1000
SIGNED = "/files/tools/a.png?timestamp=1&nonce=n&sign=s%2Bx%3D"

Download = Callable[..., Any]


async def serve(call: Call) -> bool:
    await call.send(answer(CONTENT, headers="Content-Type: image/png\r\n"))
    return True


def download_async(api: str, base_url: str, *arguments: Any, **settings: Any) -> Any:
    async def main() -> Any:
        make: Any = AppClient if api == "app" else WebAppClient
        async with make(**settings_for(api, base_url, **settings)) as client:
            return await client.files.download(*arguments)

    return asyncio.run(main())


def download_blocking(api: str, base_url: str, *arguments: Any, **settings: Any) -> Any:
    make: Any = sync.AppClient if api == "app" else sync.WebAppClient
    with make(**settings_for(api, base_url, **settings)) as client:
        return client.files.download(*arguments)


@pytest.fixture(params=[download_async, download_blocking], ids=["async", "blocking"])
def download(request: pytest.FixtureRequest) -> Download:
    return request.param


@pytest.fixture(params=["app", "web"])
def api(request: pytest.FixtureRequest) -> str:
    return request.param


FILES: list[Any] = [
    RunFile(url=SIGNED),
    models.MessageFile(url=SIGNED),
    events.MessageFile(url=SIGNED),
    {"dify_model_identity": "__dify__file__", "filename": "a.png", "url": SIGNED},
]


@pytest.mark.parametrize("file", FILES, ids=["result", "stored", "event", "output"])
def test_a_relative_url_is_resolved_against_the_server(api: str, download: Download, file: Any) -> None:
    with RawServer(serve) as server:
        assert download(api, server.base_url, file) == CONTENT
    (call,) = server.calls
    assert (call.method, call.path) == ("GET", SIGNED)


def test_the_key_is_not_sent_to_other_servers(api: str, download: Download, tmp_path: Path) -> None:
    headers = {"X-Gate": "secret-gate"}
    with RawServer(serve) as dify, RawServer(serve) as store:
        file = RunFile(url=store.base_url.removesuffix("/v1") + SIGNED)
        target = tmp_path / "a.png"
        assert download(api, dify.base_url, file, target, headers=headers) == target
        assert download(api, dify.base_url, RunFile(url=SIGNED), headers=headers) == CONTENT
    assert target.read_bytes() == CONTENT
    for call in (*dify.calls, *store.calls):
        assert call.path == SIGNED
        for secret in (b"app-KEY", b"passport-of-ada", b"secret-gate", b"Authorization"):
            assert secret not in call.head


def test_a_large_file_is_not_held_in_memory(download: Download, tmp_path: Path) -> None:
    file = RunFile(url=SIGNED)
    with RawServer(serve) as server:
        with pytest.raises(errors.TooLarge):
            download("app", server.base_url, file, max_event_bytes=100)
        download("app", server.base_url, file, tmp_path / "a", max_event_bytes=100)
    assert (tmp_path / "a").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "status", ["404 NOT FOUND", "403 FORBIDDEN", "500 INTERNAL SERVER ERROR", "302 FOUND"]
)
def test_a_failed_download_leaves_no_file_and_shows_no_signature(
    download: Download, tmp_path: Path, status: str
) -> None:
    async def reject(call: Call) -> bool:
        await call.send(answer({"code": "no", "message": "gone"}, status, "Location: https://x.example/\r\n"))
        return True

    with RawServer(reject) as server, pytest.raises(errors.ApiError) as caught:
        download("app", server.base_url, RunFile(url=SIGNED), tmp_path / "a", retry=NO_RETRY)
    assert list(tmp_path.iterdir()) == []
    assert "sign" not in str(caught.value)
    assert caught.value.status == int(status[:3])


@pytest.mark.parametrize("url", ["ftp://x.example/a", "file:///etc/passwd", "http://[bad", "javascript:1"])
def test_a_url_with_another_scheme_is_rejected(download: Download, url: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="the URL of the file"):
        download("app", "http://127.0.0.1:9", RunFile(url=url))


@pytest.mark.parametrize("file", [RunFile(), RunFile(url=""), {"id": "x"}, {"url": 5}, "a.png", None])
def test_a_file_without_a_url_is_rejected(download: Download, file: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match=r"`file` must be a file of a run or message"):
        download("app", "http://127.0.0.1:9", file)


def test_an_interrupted_download_keeps_the_existing_file(download: Download, tmp_path: Path) -> None:
    async def cut(call: Call) -> None:
        await call.send(answer(CONTENT)[:-2])

    path = tmp_path / "a"
    path.write_bytes(b"old")
    with RawServer(cut) as server, pytest.raises(errors.ConnectionFailed):
        download("app", server.base_url, RunFile(url=SIGNED), path, retry=NO_RETRY)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
