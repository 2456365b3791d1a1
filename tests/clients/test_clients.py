"""Construction, use in event loops, and closing of clients."""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import ssl
import subprocess
import sys
import warnings

import aiohttp
import pytest

from dify_async import AppClient, Retry, Timeouts, errors, probe
from dify_async.testing import FakeDify, Refuse


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DIFY_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("", "is empty"),
        ("app-abc def", "must not contain whitespace"),
        ("app-abc\n", "must not contain whitespace"),
        (" app-abc", "must not contain whitespace"),
        ("Bearer app-abc", "must not start with 'Bearer '"),
        ("bearer app-abc", "must not start with 'Bearer '"),
        ("{app-abc}", "braces"),
        ("{{API_KEY}}", "braces"),
        ("dataset-abc", "must not start with 'dataset-'"),
        ("app-äbc", "printable ASCII"),
        (5, "must be a str, got int"),
    ],
)
def test_an_invalid_key_is_rejected_without_showing_it(key: str, says: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=says) as caught:
        AppClient(key)
    assert isinstance(caught.value, ValueError)
    assert "abc" not in str(caught.value)
    assert "abc" not in repr(caught.value)


@pytest.mark.parametrize("key", ["app-abc", "something-else", "K"])
def test_keys_of_unknown_forms_are_sent_to_the_server(key: str) -> None:
    assert AppClient(key).base_url == "https://api.dify.ai/v1"


def test_the_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFY_API_KEY", "app-env")
    monkeypatch.setenv("DIFY_USER", "env-user")
    monkeypatch.setenv("DIFY_BASE_URL", "http://dify.test")
    client = AppClient()
    assert (client.user, client.base_url) == ("env-user", "http://dify.test/v1")
    assert AppClient(user="me", base_url="http://other.test").user == "me"


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("https://dify.test", "https://dify.test/v1"),
        ("https://dify.test/", "https://dify.test/v1"),
        ("https://dify.test/v1", "https://dify.test/v1"),
        ("https://dify.test/v1/", "https://dify.test/v1"),
        ("https://dify.test//v1//", "https://dify.test/v1"),
        ("http://dify.test:8080/sub/path", "http://dify.test:8080/sub/path/v1"),
        ("http://dify.test/sub/v1", "http://dify.test/sub/v1"),
        ("http://[::1]:5001", "http://[::1]:5001/v1"),
    ],
)
def test_valid_base_urls(given: str, used: str) -> None:
    assert AppClient("app-x", base_url=given).base_url == used


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("dify.test/v1", "https://"),
        ("ftp://dify.test", "https://"),
        ("https://", "a host"),
        ("https://u:hunter2@dify.test", "must not contain a user or password"),
        ("https://dify.test/v1?key=hunter2", "without '\\?'"),
        ("https://dify.test/#hunter2", "and '#'"),
        ("https://dify.test:port", "must be a URL"),
    ],
)
def test_invalid_base_urls_are_rejected_without_showing_secrets(url: str, says: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=says) as caught:
        AppClient("app-x", base_url=url)
    assert "hunter2" not in str(caught.value)


async def test_a_missing_user_is_reported_at_the_call_that_needs_one(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url) as client:
        assert (await client.app.info()).name == "FakeDify"
        with pytest.raises(errors.ConfigurationError, match="end user"):
            await client.workflows.run({})
        with pytest.raises(errors.ConfigurationError, match="end user"):
            client.workflows.stream({})
    assert fake_dify.runs_started == 0


@pytest.mark.parametrize("user", ["", 5])
def test_an_end_user_must_be_a_string(user: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="`user` must be a non-empty str"):
        AppClient("app-x", user=user)


async def test_a_view_for_another_user_shares_everything_and_closes_nothing(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url) as client:
        async with client.for_user("bob") as bob:
            await bob.workflows.run({})
        await client.for_user("cy").workflows.run({})
        assert (bob.user, client.user) == ("bob", None)
    assert [run.user for run in fake_dify.runs.values()] == ["bob", "cy"]


def test_one_client_works_in_several_asyncio_runs(fake_dify: FakeDify) -> None:
    async def job(client: AppClient) -> str:
        return (await client.workflows.run({})).status

    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [asyncio.run(job(client)) for _ in range(3)] == ["succeeded"] * 3
        del client
        gc.collect()
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_one_client_can_be_entered_in_several_asyncio_runs(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)

    async def job() -> str:
        async with client:
            return (await client.app.info()).name

    assert [asyncio.run(job()) for _ in range(2)] == ["FakeDify"] * 2


async def test_a_closed_client_raises_and_can_be_closed_again(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    await client.app.info()
    await client.close()
    await client.close()
    with pytest.raises(errors.ConfigurationError, match="closed"):
        await client.app.info()
    with pytest.raises(errors.ConfigurationError, match="closed"):
        await client.workflows.run({})


async def test_a_client_that_is_not_closed_causes_no_warning(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    await client.app.info()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        del client
        gc.collect()
        for _ in range(5):
            await asyncio.sleep(0)
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.open_sockets == 0)


async def test_a_custom_session_is_used_and_not_closed(fake_dify: FakeDify) -> None:
    async with aiohttp.ClientSession(headers={"X-Session": "mine"}) as session:
        async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, session=session) as client:
            await client.app.info()
        assert not session.closed
    assert fake_dify.requests[0].headers["X-Session"] == "mine"


async def test_trace_configs_are_passed_through(fake_dify: FakeDify) -> None:
    seen: list[str] = []
    trace = aiohttp.TraceConfig()

    async def on_end(_: object, __: object, params: aiohttp.TraceRequestEndParams) -> None:
        seen.append(f"{params.method} {params.response.status}")

    trace.on_request_end.append(on_end)
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, trace_configs=[trace]) as client:
        await client.app.info()
    assert seen == ["GET 200"]


async def test_a_pickled_client_has_its_settings(fake_dify: FakeDify) -> None:
    client = AppClient(
        fake_dify.api_key,
        user="ada",
        base_url=fake_dify.base_url,
        timeouts=Timeouts(idle=77),
        retry=Retry(attempts=2),
        headers={"X-Mine": "yes"},
        max_concurrent=3,
    )
    async with client:
        await client.app.info()
        copy = pickle.loads(pickle.dumps(client))
    async with copy:
        assert (await copy.workflows.run({})).status == "succeeded"
        assert (copy.user, copy.base_url, copy.server_version) == ("ada", client.base_url, "1.14.2")
    assert fake_dify.requests[-1].headers["X-Mine"] == "yes"


@pytest.mark.parametrize("held", ["session", "ssl", "trace_configs", "limiter"])
async def test_a_client_that_cannot_be_pickled_is_an_error(held: str) -> None:
    values = {
        "ssl": ssl.create_default_context(),
        "trace_configs": [aiohttp.TraceConfig()],
        "limiter": asyncio.Lock,
    }
    async with aiohttp.ClientSession() as session:
        client = AppClient("app-x", **{held: values.get(held, session)})  # type: ignore[arg-type]
        with pytest.raises(errors.ConfigurationError, match=f"{held}="):
            pickle.dumps(client)


def test_settings_are_checked_at_once() -> None:
    with pytest.raises(errors.ConfigurationError, match="max_concurrent"):
        AppClient("app-x", max_concurrent=0)
    with pytest.raises(errors.ConfigurationError, match="on_abandon"):
        AppClient("app-x", on_abandon="leave")  # type: ignore[arg-type]
    with pytest.raises(errors.ConfigurationError, match="'X-A'"):
        AppClient("app-x", headers={"X-A": "b\r\nX-C: d"})


async def test_headers_cannot_contain_line_breaks(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        with pytest.raises(errors.ConfigurationError, match="X-Trace-Id"):
            await client.workflows.run({}, trace_id="a\r\nX-Evil: yes")
    assert fake_dify.requests == []


async def test_ids_are_escaped_and_empty_ids_are_rejected(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        with pytest.raises(errors.ApiError):
            await client.workflows.get("../../info?x=1#y")
        for nothing in ("", ".", ".."):
            with pytest.raises(errors.ConfigurationError, match="workflow_run_id"):
                await client.workflows.get(nothing)
    assert [request.path for request in fake_dify.requests] == [
        "/v1/workflows/run/..%2F..%2Finfo%3Fx%3D1%23y"
    ]


async def test_client_request_has_the_errors_and_retries_of_calls(fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(on="GET /v1/info", status=503, body=b""))
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url) as client:
        response = await client.request("get", "/info", params={"user": "ä b", "flag": True, "none": None})
        assert response.status == 200
        assert response.json()["mode"] == "workflow"
        assert response.headers["X-Version"] == "1.14.2"
        assert fake_dify.requests[-1].path == "/v1/info?user=%C3%A4+b&flag=true"
        with pytest.raises(errors.NotFound, match="GET /nope"):
            await client.request("GET", "nope")
        fake_dify.faults.append(Refuse(on="POST", status=503, body=b""))
        with pytest.raises(errors.ServerError):
            await client.request("POST", "/workflows/run", json={"inputs": {}})
    assert sum(request.method == "POST" for request in fake_dify.requests) == 1


async def test_values_that_are_not_json_are_rejected_before_sending(fake_dify: FakeDify) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        with pytest.raises(errors.ConfigurationError, match="cannot be sent as JSON"):
            await client.workflows.run({"things": {1, 2}})
    assert fake_dify.requests == []


@pytest.mark.parametrize("inputs", ["city", ["city"], None])
async def test_inputs_must_be_a_mapping(fake_dify: FakeDify, inputs: dict[str, str]) -> None:
    async with AppClient(fake_dify.api_key, base_url=fake_dify.base_url, user="ada") as client:
        with pytest.raises(errors.ConfigurationError, match="must be a mapping of variable names to values"):
            await client.workflows.run(inputs)
    assert fake_dify.requests == []


async def test_probe_recognizes_dify_servers(fake_dify: FakeDify) -> None:
    found = await probe(fake_dify.base_url)
    assert (found.is_dify, found.version) == (True, "1.14.2")
    assert "Authorization" not in fake_dify.requests[0].headers
    fake_dify.faults.append(Refuse(on="/v1/", status=200, body=b"<html><title>Hello</title></html>"))
    other = await probe(fake_dify.base_url)
    assert (other.is_dify, other.version) == (False, None)
    assert "web page" in other.detail


async def test_probe_of_an_unreachable_server_raises() -> None:
    with pytest.raises(errors.ConnectionFailed, match="no connection"):
        await probe("http://127.0.0.1:9")


async def test_async_objects_explain_misuse_in_blocking_code() -> None:
    client = AppClient("app-x", user="ada")
    for thing in (client, client.workflows.stream({})):
        with pytest.raises(TypeError, match="async with"):
            with thing:
                pass
    with pytest.raises(TypeError, match="async for"):
        iter(client.workflows.logs())  # type: ignore[call-overload]


def test_importing_the_package_is_fast() -> None:
    program = (
        "import sys, dify_async; from dify_async import errors, events, models, Timeouts;"
        "heavy = {'aiohttp', 'aiohttp.web', 'dify_async.sync', 'dify_async.cli'} & set(sys.modules);"
        "assert not heavy, heavy; from dify_async import AppClient;"
        "heavy = {'aiohttp.web', 'pytest', 'typer', 'rich'} & set(sys.modules); print(sorted(heavy))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() in {"[]", "['aiohttp.web']"}
