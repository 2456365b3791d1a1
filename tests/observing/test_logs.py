"""Log lines of requests and responses: one line each, without secrets."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from dify_async import Retry
from dify_async.testing import Chat, Cut, FakeDify, Node, Refuse, Workflow
from tests.support.clients import app_client, web_client
from tests.support.families import FAMILIES
from tests.support.raw_server import SSE, RawServer, event, finished, started

SECRET = "SECRETsecret123"


@pytest.fixture(autouse=True)
def debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dify_async")


def lines(caplog: pytest.LogCaptureFixture, area: str) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == f"dify_async.{area}"]


def fields(record: logging.LogRecord) -> dict[str, Any]:
    return {name.removeprefix("dify_"): value for name, value in vars(record).items() if "dify_" in name}


async def test_a_call_is_one_line(fake_dify: FakeDify, caplog: pytest.LogCaptureFixture) -> None:
    async with app_client(fake_dify) as client:
        response = await client.request("GET", "/info")
    (line,) = lines(caplog, "http")
    host = re.escape(fake_dify.base_url.split("/")[2])
    size = len(response.body)
    assert re.fullmatch(rf"GET /info at {host}: 200 after \d+ ms, attempt 1, {size} bytes", line)
    (record,) = (record for record in caplog.records if record.name == "dify_async.http")
    found = fields(record)
    assert isinstance(found.pop("ms"), int)
    expected = {"operation": "GET /info", "host": fake_dify.base_url.split("/")[2], "status": 200}
    assert found == {**expected, "attempt": 1, "bytes": size}


async def test_retries_and_errors_are_logged(fake_dify: FakeDify, caplog: pytest.LogCaptureFixture) -> None:
    fake_dify.faults.append(Refuse(status=503, on="/info", times=2))
    async with app_client(fake_dify, retry=Retry(attempts=3, base=0.01)) as client:
        await client.app.info()
    retried = [record for record in caplog.records if record.levelno == logging.INFO]
    assert [fields(record)["attempt"] for record in retried] == [1, 2]
    assert all(fields(record)["delay"] >= 0 for record in retried)
    assert "200 after" in lines(caplog, "http")[-1]
    assert "attempt 3" in lines(caplog, "http")[-1]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_run_is_logged_with_its_id(
    family: str, fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("One", text=["a", "b"]), Node("Two", seconds=0.1)])
    fake_dify.faults.append(Cut(after_events=2))
    FAMILIES[family](("app", "workflow"), fake_dify.base_url, api_key=fake_dify.api_key)
    run_id = fake_dify.runs[0].id
    stream = lines(caplog, "stream")
    assert "stream opened after" in stream[0]
    assert any("reconnecting" in line for line in stream)
    assert any(f"run {run_id}: recovered after" in line for line in stream)
    assert any(f"run {run_id}: node_finished of node two" in line for line in stream)
    assert f"run {run_id}: succeeded after" in stream[-1]
    assert "1 interruptions" in stream[-1]
    assert any(f"for run {run_id}: 200" in line for line in lines(caplog, "http")), "calls of the recovery"
    ended = fields(caplog.records[-1])
    assert {"run_id", "status", "ms", "bytes", "host", "operation", "attempt"} == ended.keys()


async def test_rows_are_logged(fake_dify: FakeDify, caplog: pytest.LogCaptureFixture) -> None:
    async with app_client(fake_dify) as client:
        rows: list[Any] = [{}, 3]
        async with client.workflows.run_many(rows, concurrency=1, check_inputs=False) as batch:
            await batch.all()
    ok, bad = lines(caplog, "batch")
    assert re.fullmatch(r"row 0: succeeded after \d+ ms, 1 attempts", ok)
    assert re.fullmatch(r"row 1: ConfigurationError after \d+ ms, 0 attempts", bad)


async def test_no_secrets_and_no_content_are_logged(
    fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    fake_dify.app = Chat(answer=lambda query, _: [query])
    async with app_client(fake_dify, headers={"X-Gateway": SECRET}) as client:
        await client.chat.send("my diagnosis", user="eve-" + SECRET, extra_headers={"X-Other": SECRET})
    fake_dify.workflow = Workflow()
    async with web_client(fake_dify) as web:
        await web.workflows.run({"diagnosis": "my diagnosis"})
        passport = web.passport
    assert passport
    everything = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert len(caplog.records) > 5
    for secret in (SECRET, "diagnosis", passport, fake_dify.api_key, fake_dify.app_code):
        assert secret not in everything


async def test_a_server_cannot_forge_log_lines(caplog: pytest.LogCaptureFixture) -> None:
    run = "run\nERROR root: forged\x1b[2J"
    node = event(
        "node_started", {"id": "x", "node_id": "n\r\nforged", "title": "T", "node_type": "llm"}, run=run
    )
    body = SSE + started(run) + node + finished(run, status="good\nforged")
    with RawServer(lambda call: call.send(body)) as server:
        async with app_client(server.base_url) as client, client.workflows.stream({}) as stream:
            async for _ in stream:
                pass
    for record in caplog.records:
        texts = [record.getMessage(), *(value for value in fields(record).values() if isinstance(value, str))]
        assert all(text.isprintable() for text in texts), texts
    assert any("forged" in line for line in lines(caplog, "stream")), "escaped, not dropped"


async def test_nothing_is_logged_below_the_level(
    fake_dify: FakeDify, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "dify_async")
    async with app_client(fake_dify) as client:
        await client.workflows.run({})
    assert caplog.records == []
