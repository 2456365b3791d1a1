"""The environment of a client: proxies, certificates, event loops, threads, and tools that record requests."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import ssl
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme

from dify_async import AppClient, errors, sync
from dify_async.testing import FakeDify, Node, Workflow
from tests.support.clients import NO_RETRY, app_client
from tests.support.families import settings_for
from tests.support.limits import HANGS_AFTER
from tests.support.raw_server import Call, RawServer, answer

PROXY_VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxy_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the proxy settings of the machine that runs the tests."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def name_of(call: Call) -> bool:
    await call.send(answer({"name": "n"}))
    return True


async def asked_by_proxy(base_url: str, monkeypatch: pytest.MonkeyPatch, **environment: str) -> bool:
    """Return True if a client of `base_url` uses the proxy of an environment."""
    with RawServer(name_of) as proxy:
        for name, value in environment.items():
            monkeypatch.setenv(name, value.replace("PROXY", f"127.0.0.1:{proxy.port}"))
        async with app_client(base_url, retry=NO_RETRY) as client:
            with contextlib.suppress(errors.ConnectionFailed):
                await client.app.info()
        return bool(proxy.calls)


@pytest.mark.parametrize(
    ("base_url", "no_proxy", "is_used"),
    [
        ("http://dify.test", "", True),
        ("http://dify.test", "*", False),
        ("http://dify.test", "dify.test", False),
        ("http://dify.test", " other.test , DIFY.TEST ", False),
        ("http://api.dify.test", ".dify.test", False),
        ("http://api.dify.test", "dify.test", False),
        ("http://api.dify.test", "*.dify.test", False),
        ("http://mydify.test", "dify.test", True),
        ("http://dify.test:81", "dify.test:80", True),
        ("http://dify.test:81", "dify.test:81", False),
        ("http://dify.test", "dify.test:80", False),
        ("http://10.255.255.1:9", "10.0.0.0/8", False),
        ("http://10.1.2.3", "10.1.2.3", False),
        ("http://10.1.2.3", "192.168.0.0/16,172.16.0.0/12", True),
        ("http://10.1.2.3", "10.1.2.3:81", True),
        ("http://[::1]:9", "::1", False),
        ("http://[::1]:9", "[::1]", False),
        ("http://[::1]:9", "[::1]:9", False),
        ("http://[::1]:9", "[::1]:10", True),
        ("http://[fd00::1]:9", "fd00::/8", False),
        ("http://[fd00::1]:9", "fe80::/10", True),
        ("http://[fd00::1]:9", "fd00::/8x, not an address", True),
    ],
)
async def test_no_proxy(base_url: str, no_proxy: str, is_used: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", refuse_to_resolve)
    monkeypatch.setattr(aiohttp.TCPConnector, "_wrap_create_connection", only_this_machine)
    environment = {"http_proxy": "http://PROXY", "no_proxy": no_proxy}
    assert await asked_by_proxy(base_url, monkeypatch, **environment) == is_used


async def refuse_to_resolve(*_: Any, **__: Any) -> Any:
    raise OSError(1, "no names here")


_connect = aiohttp.TCPConnector._wrap_create_connection


async def only_this_machine(self: Any, *args: Any, addr_infos: Any, **kwargs: Any) -> Any:
    if any(info[4][0] != "127.0.0.1" for info in addr_infos):
        raise aiohttp.ClientConnectorError(kwargs["req"].connection_key, OSError(1, "not this machine"))
    return await _connect(self, *args, addr_infos=addr_infos, **kwargs)


@pytest.mark.parametrize("name", ["ALL_PROXY", "all_proxy", "HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize("value", ["http://PROXY", "PROXY", "HTTP://PROXY/"])
async def test_the_proxy_of_the_environment(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await asked_by_proxy("http://dify.test", monkeypatch, **{name: value})


@pytest.mark.parametrize(
    "value",
    [
        "socks5://127.0.0.1:1080",
        "socks5h://u:hunter2@127.0.0.1:1080",
        "http://",
        "http://a..b:1",
        ":",
        "http://[::1",
    ],
)
@pytest.mark.parametrize("name", ["http_proxy", "ALL_PROXY"])
async def test_a_proxy_that_cannot_be_used_is_not_skipped(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with RawServer(name_of) as server:
        async with app_client(server.base_url) as client:
            for call in (client.app.info, lambda: client.workflows.run({})):
                with pytest.raises(
                    errors.ConfigurationError, match=f"(?i){name}.*nothing was sent"
                ) as caught:
                    await call()
                assert "hunter2" not in str(caught.value)
        assert server.calls == []


@pytest.mark.parametrize("family", ["async", "blocking"])
def test_a_certificate_authority_that_is_set_after_the_import(
    family: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with RawServer(name_of, tls=tls) as server:
        if family == "blocking":
            with sync.AppClient(**settings_for("app", server.base_url, retry=NO_RETRY)) as blocking:
                assert blocking.app.info().name == "n"
            return

        async def main() -> None:
            async with app_client(server.base_url, retry=NO_RETRY) as client:
                assert (await client.app.info()).name == "n"

        asyncio.run(main())


@pytest.mark.parametrize("value", ["/does/not/exist.pem", "."])
async def test_a_certificate_authority_that_cannot_be_read(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", value)
    async with app_client("https://127.0.0.1:9", retry=NO_RETRY) as client:
        with pytest.raises(errors.DifyError):
            await client.app.info()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_event_loops_that_are_closed_by_hand(scheme: str, caplog: pytest.LogCaptureFixture) -> None:
    authority = trustme.CA()
    tls, trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(trust)
    with RawServer(name_of, tls=tls if scheme == "https" else None) as server, warnings.catch_warnings():
        warnings.simplefilter("error")
        client = app_client(server.base_url, ssl=trust if scheme == "https" else None)
        for _ in range(3):
            loop = asyncio.new_event_loop()
            assert loop.run_until_complete(client.app.info()).name == "n"
            loop.close()
        del client
        gc.collect()
        assert server.wait_for(lambda: server.open == 0)
    assert caplog.text == ""


def test_two_threads_create_event_loops_for_one_client(fake_dify: FakeDify) -> None:
    client = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url)
    problems: list[BaseException] = []
    start = threading.Barrier(4)

    def work() -> None:
        async def main() -> None:
            await client.app.info()
            assert (await client.workflows.run({})).status == "succeeded"

        try:
            start.wait(HANGS_AFTER)
            for _ in range(10):
                asyncio.run(main())
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANGS_AFTER)
    assert problems == []
    assert fake_dify.runs_started == 40


async def test_headers_are_passed_to_aiohttp_as_plain_strings() -> None:
    seen: list[tuple[type, type]] = []

    async def note(_: Any, __: Any, params: aiohttp.TraceRequestStartParams) -> None:
        seen.extend((type(name), type(value)) for name, value in params.headers.items())

    trace = aiohttp.TraceConfig()
    trace.on_request_start.append(note)
    with RawServer(name_of) as server:
        settings = {"trace_configs": [trace], "headers": {"X-Mine": "secret"}}
        async with app_client(server.base_url, **settings) as client:
            await client.app.info(extra_headers={"X-Call": "secret"})
    assert {kind for _, kind in seen} == {str}


SIGNAL = """
import os, signal, sys, threading
from dify_async.sync import AppClient

client = AppClient("app-x", user="ada", base_url=sys.argv[1])
names = []

def handle(*_):
    names.append(client.app.info().name)

signal.signal(signal.SIGUSR1, handle)
main = threading.main_thread().ident
# The signal arrives somewhere in the first blocking call of the process.
threading.Timer(float(sys.argv[2]), signal.pthread_kill, (main, signal.SIGUSR1)).start()
while not names:
    client.app.info()
print(names)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("seconds", [0.0, 0.001, 0.01])
def test_a_signal_handler_that_calls_during_the_first_call(fake_dify: FakeDify, seconds: float) -> None:
    line = [
        sys.executable,
        "-c",
        SIGNAL.replace("app-x", fake_dify.api_key),
        fake_dify.base_url,
        str(seconds),
    ]
    done = subprocess.run(line, capture_output=True, text=True, timeout=HANGS_AFTER, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_stream_has_one_reader(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with app_client(fake_dify) as client, client.workflows.stream({}) as run:
        first = asyncio.create_task(run.result())
        await asyncio.sleep(0)
        for second in (run.result, lambda: anext(run), lambda: anext(run.text)):
            with pytest.raises(TypeError, match="one reader"):
                await second()
        first.cancel()
        await asyncio.wait([first])
