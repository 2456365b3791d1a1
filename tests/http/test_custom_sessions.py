"""Custom sessions: few connections, other settings, and additions to requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dify_async import AppClient, InputFile, Timeouts, errors
from dify_async.testing import FakeDify, Node, Workflow
from tests.support.clients import NO_RETRY, app_client
from tests.support.clock import frozen_time
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import PING, RUN, SSE, Call, RawServer, answer, node, record, started


async def silent(call: Call) -> None:
    await call.send(SSE + started() + node())
    await call.until_closed()


@pytest.fixture(params=[{"limit": 1}, {"limit": 2}, {"limit": 0, "limit_per_host": 2}], ids=str)
async def session(request: pytest.FixtureRequest) -> AsyncIterator[aiohttp.ClientSession]:
    """Return a session with few connections."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(**request.param)) as session:
        yield session


async def test_leaving_stops_the_run_while_others_wait_for_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    with RawServer(silent) as server:
        async with app_client(server.base_url, session=session) as client:

            async def leave_early(view: AppClient) -> None:
                async with view.workflows.stream({}) as run:
                    await anext(run)

            views = [client, client.for_key("app-OTHERother123", user="bob")]
            async with asyncio.timeout(HANGS_AFTER):
                await asyncio.gather(*(leave_early(views[number % 2]) for number in range(6)))
        assert (server.count("POST /v1/workflows/run"), server.count("/stop")) == (6, 6)


async def test_a_form_is_submitted_while_other_runs_are_resumed(
    session: aiohttp.ClientSession, fake_dify: FakeDify
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("A"), Node("Ask", form="Sure? {{#$output.comment#}}"), Node("B", text=["x"])],
        outputs={"x": 1},
    )
    async with app_client(fake_dify, session=session) as client:

        async def ask_and_resume() -> Any:
            with pytest.raises(errors.RunPaused) as caught:
                await client.workflows.run({})
            handle = caught.value.handle
            assert handle is not None
            paused = caught.value.result.paused
            assert paused is not None
            token = paused.forms[0].form_token
            assert token is not None
            async with client.workflows.resume(handle, token, {"comment": "yes"}, "approve") as run:
                return (await run.result()).outputs

        async with asyncio.timeout(HANGS_AFTER):
            assert await asyncio.gather(*(ask_and_resume() for _ in range(3))) == [{"x": 1}] * 3


async def test_waiting_for_the_pool_counts_only_for_the_total_timeout() -> None:
    async def handler(call: Call) -> bool:
        if call.method == "POST":
            await silent(call)
            return False
        await call.send(answer({"name": "n"}))
        return True

    timeouts = Timeouts(connect=1, read=5)
    with RawServer(handler) as server:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            app_client(server.base_url, session=session, timeouts=timeouts, retry=NO_RETRY) as client,
        ):
            run = await client.workflows.stream({}).__aenter__()
            with frozen_time() as clock:
                info = asyncio.create_task(client.app.info())
                limited = asyncio.create_task(client.app.info(timeout=50))
                await clock.settle()
                clock.advance(49)
                await clock.settle()
                assert not info.done()
                assert not limited.done()
                clock.advance(2)
                with pytest.raises(errors.TotalTimeout):
                    await clock.at_once(limited)
            await run.aclose()
            assert (await info).name == "n"


async def test_a_run_with_pings_only_is_polled_over_a_single_connection() -> None:
    async def handler(call: Call) -> bool:
        if call.method == "POST":
            await call.send(SSE + started())
            return False
        if "/events" in call.path:
            await call.send(SSE + PING * 20)
            await call.until_closed()
            return False
        await call.send(answer(record()))
        return True

    with RawServer(handler) as server:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
            app_client(server.base_url, session=session) as client,
            asyncio.timeout(HANGS_AFTER),
        ):
            assert (await client.workflows.run({})).outputs == {"a": "b"}
    assert server.count("POST") == 1
    assert server.count(f"GET /v1/workflows/run/{RUN}") == 1


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
async def test_a_session_with_raise_for_status(status: int) -> None:
    async def handler(call: Call) -> bool:
        headers = "Retry-After: 0\r\n"
        await call.send(answer({"code": "some_code", "message": "words"}, f"{status} X", headers))
        return True

    async def check(response: aiohttp.ClientResponse) -> None:
        response.raise_for_status()

    with RawServer(handler) as server:
        for setting in (True, check):
            async with (
                aiohttp.ClientSession(raise_for_status=setting) as session,
                app_client(server.base_url, session=session) as client,
            ):
                for call in (client.app.info, lambda: client.workflows.run({})):
                    with pytest.raises(errors.ApiError, match="words") as caught:
                        await call()
                    assert caught.value.status == status
    assert server.count("GET") == (6 if status in {429, 503} else 2)
    assert server.count("POST") == (6 if status == 429 else 2)


async def test_a_session_with_trust_env_and_a_netrc_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake_dify: FakeDify
) -> None:
    # With trust_env=True, aiohttp adds the credentials of this file to requests.
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hunter2hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with (
        aiohttp.ClientSession(trust_env=True) as session,
        app_client(fake_dify, session=session) as client,
    ):
        for call in (client.app.info, lambda: client.workflows.run({})):
            with pytest.raises(errors.ConfigurationError, match=r"trust_env=True.*netrc") as caught:
                await call()
            assert "hunter2" not in str(caught.value)
    assert fake_dify.requests == []


async def test_a_session_with_a_base_url_headers_and_cookies(fake_dify: FakeDify) -> None:
    async with (
        aiohttp.ClientSession(
            base_url="http://other.test/",
            headers={"Authorization": "Basic wrong", "X-Mine": "1"},
            cookies={"a": "b"},
            timeout=aiohttp.ClientTimeout(total=0.001),
            auto_decompress=True,
        ) as session,
        app_client(fake_dify, session=session) as client,
    ):
        assert (await client.workflows.run({})).status == "succeeded"
        assert (await client.files.upload(b"x", name="a.txt")).name == "a.txt"
        await client.files.upload(InputFile(b"x", name="a.txt"))


@pytest.mark.filterwarnings("ignore:.*deprecated:DeprecationWarning")
@pytest.mark.parametrize("problem", ["auth=", "Content-Type"])
async def test_an_incompatible_session_is_rejected(problem: str) -> None:
    settings: dict[str, Any] = {"headers": {"content-type": "text/plain"}}
    if problem == "auth=":
        settings = {"auth": aiohttp.BasicAuth("ada", "hunter2")}
    async with aiohttp.ClientSession(**settings) as session:
        with pytest.raises(errors.ConfigurationError, match=problem) as caught:
            app_client("http://dify.test", session=session)
    assert "hunter2" not in str(caught.value)


async def test_a_session_of_another_event_loop_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, "asyncio")
    async with aiohttp.ClientSession() as session:
        client = app_client("http://127.0.0.1:9", session=session, retry=NO_RETRY)

        async def main() -> None:
            with pytest.raises(errors.DifyError):
                await client.app.info()

        await asyncio.to_thread(lambda: asyncio.run(main()))
