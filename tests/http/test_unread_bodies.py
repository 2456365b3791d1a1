"""A body that the server does not read is covered by a timeout; a slow source of a body is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile, Timeouts, errors, sync
from tests.support.clients import NO_RETRY, app_client, web_client
from tests.support.clock import frozen_time
from tests.support.families import settings_for
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import Call, RawServer, answer

BIG = b"x" * (32 * 2**20)
"""More than the buffers of both ends hold."""
TEXT = BIG.decode()

CALLS: dict[str, Callable[[Any, Path], Any]] = {
    "run": lambda client, _: client.workflows.run({"text": TEXT}),
    "run in blocking mode": lambda client, _: client.workflows.run({"text": TEXT}, response_mode="blocking"),
    "message": lambda client, _: client.chat.send(TEXT),
    "upload of bytes": lambda client, _: client.files.upload(BIG, name="a.txt"),
    "upload of a file": lambda client, path: client.files.upload(path),
    "request with JSON": lambda client, _: client.request("PUT", "/x", json={"text": TEXT}),
    "request with a form": lambda client, _: client.request("POST", "/x", form={"text": TEXT}),
    "request with a file": lambda client, _: client.request("POST", "/x", file=InputFile(BIG, name="a")),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a big file."""
    path = tmp_path / "a.txt"
    path.write_bytes(BIG)
    return path


def deaf(end: threading.Event) -> RawServer:
    async def handler(_: Call) -> None:
        await asyncio.to_thread(end.wait, HANGS_AFTER)

    return RawServer(handler, reads=False)


@pytest.mark.parametrize("call", CALLS)
async def test_a_server_that_does_not_read_the_body(call: str, path: Path) -> None:
    end = threading.Event()
    with deaf(end) as server:
        async with app_client(server.base_url, timeouts=Timeouts(read=0.2), retry=NO_RETRY) as client:
            with pytest.raises(
                errors.ReadTimeout, match=r"read no data of the request for 0\.2 s .*Timeouts\.read"
            ) as caught:
                await CALLS[call](client, path)
        end.set()
    assert caught.value.may_have_started
    assert len(server.calls) == 1


async def test_a_server_that_does_not_read_the_body_of_a_web_app() -> None:
    end = threading.Event()
    timeouts = Timeouts(read=0.2)
    with deaf(end) as server:
        async with web_client(server.base_url, passport="p", timeouts=timeouts, retry=NO_RETRY) as client:
            with pytest.raises(errors.ReadTimeout, match="read no data"):
                await client.workflows.run({"text": TEXT})
            with pytest.raises(errors.ReadTimeout, match="read no data"):
                await client.files.upload(BIG, name="a.txt")
        end.set()


@pytest.mark.parametrize("call", ["run", "upload of bytes", "request with JSON"])
def test_a_server_that_does_not_read_the_body_of_a_blocking_client(call: str, path: Path) -> None:
    end = threading.Event()
    with deaf(end) as server:
        settings = settings_for("app", server.base_url, timeouts=Timeouts(read=0.2), retry=NO_RETRY)
        with (
            sync.AppClient(**settings) as client,
            pytest.raises(errors.ReadTimeout, match="read no data"),
        ):
            CALLS[call](client, path)
        end.set()


async def test_a_slow_file_source_is_not_covered_by_a_timeout() -> None:
    complete = threading.Event()
    asked, given = asyncio.Event(), asyncio.Event()

    async def handler(call: Call) -> None:
        await asyncio.to_thread(complete.wait, HANGS_AFTER)
        await call.send(answer({"id": "f", "name": "n"}, "201 Created"))

    async def source() -> AsyncIterator[bytes]:
        yield b"a" * 100_000
        asked.set()
        await given.wait()
        yield b"b"

    with RawServer(handler, reads=False) as server:
        async with app_client(server.base_url, timeouts=Timeouts(read=1), retry=NO_RETRY) as client:
            with frozen_time() as clock:
                upload = asyncio.create_task(client.files.upload(source(), name="a.txt"))
                await asked.wait()
                clock.advance(3600)
                await clock.settle()
                assert not upload.done()
                given.set()
                await clock.settle()
                complete.set()
                assert (await clock.at_once(upload)).id == "f"
