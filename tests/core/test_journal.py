"""Batches that are taken up again: one success for each row, and no run started for nothing."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from typing import Any, Final

import pytest

from dify_async import AppClient, InputFile, errors
from dify_async.testing import Cut, FakeDify, Node, Refuse, Workflow
from tests.faults import GONE


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs=lambda inputs: {"n": inputs["n"]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


def rows(count: int) -> list[dict[str, Any]]:
    return [{"n": number} for number in range(count)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


async def outputs(client: AppClient, given: list[dict[str, Any]], path: Path) -> list[Any]:
    async with client.workflows.run_many(given, ordered=True, journal=path) as batch:
        return [
            outcome.result.outputs["n"] if outcome.ok else outcome.status for outcome in await batch.all()
        ]


async def test_a_rerun_does_only_what_is_missing(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    fake_dify.faults.append(Refuse(status=500, times=2))
    first = await outputs(client, rows(6), path)
    assert (first.count("ServerError"), fake_dify.runs_started) == (2, 4)
    assert await outputs(client, rows(6), path) == list(range(6))
    assert fake_dify.runs_started == 6
    assert await outputs(client, [*reversed(rows(7))], path) == [6, 5, 4, 3, 2, 1, 0]
    assert fake_dify.runs_started == 7, "rows are known by their content, not by their place"
    ended = [entry for entry in lines(path) if entry["status"] == "succeeded"]
    assert len({entry["key"] for entry in ended}) == len(ended) == 7
    assert all(entry["run_id"] in fake_dify.runs for entry in ended)


async def test_equal_rows_are_rows_of_their_own(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    assert await outputs(client, [{"n": 1}] * 3, path) == [1, 1, 1]
    assert await outputs(client, [{"n": 1}] * 4, path) == [1, 1, 1, 1]
    assert fake_dify.runs_started == 4


async def test_a_run_that_was_on_its_way_is_taken_up_by_its_id(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.faults += [Cut(after_events=2), GONE]
    assert await outputs(client, rows(1), path) == ["StreamInterrupted"]
    assert [entry["status"] for entry in lines(path)] == ["started"]
    fake_dify.faults.clear()
    assert await outputs(client, rows(1), path) == [0]
    assert fake_dify.runs_started == 1


async def test_a_run_that_was_stopped_by_leaving_is_started_anew(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    async with client.workflows.run_many(rows(2), journal=path):
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
        while path.read_text().count("started") < 2:
            await asyncio.sleep(0.01)
    fake_dify.workflow = Workflow(outputs=lambda inputs: {"n": inputs["n"]})
    assert await outputs(client, rows(2), path) == [0, 1]
    assert fake_dify.runs_started == 4


@pytest.mark.parametrize("torn", [b'{"key": "ab', b"{", b'{"key": "x", "status": "succeeded"}'])
async def test_a_line_that_was_begun_is_cut_off(
    client: AppClient, fake_dify: FakeDify, path: Path, torn: bytes
) -> None:
    await outputs(client, rows(2), path)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert await outputs(client, rows(2), path) == [0, 1]
    assert path.read_bytes() == whole
    assert fake_dify.runs_started == 2


async def test_a_second_batch_on_the_same_journal_is_refused(client: AppClient, path: Path) -> None:
    async with client.workflows.run_many(rows(1), journal=path) as batch:
        with pytest.raises(errors.ConfigurationError, match="in use"):
            await outputs(client, rows(1), path)
        await batch.all()
    assert await outputs(client, rows(1), path) == [0]


async def test_what_is_no_journal_is_left_alone(client: AppClient, path: Path) -> None:
    path.write_text("city,country\nLisbon,Portugal\n")
    with pytest.raises(errors.ConfigurationError, match=r"line 1 of .* no entry"):
        await outputs(client, rows(1), path)
    assert path.read_text() == "city,country\nLisbon,Portugal\n"
    with pytest.raises(errors.ConfigurationError, match="cannot be opened"):
        await outputs(client, rows(1), path.parent)


async def test_files_in_rows_are_known_by_what_they_are(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(outputs={"n": 1})
    for _ in range(2):
        given = [{"doc": InputFile(b"%PDF", name="a.pdf")}, {"doc": InputFile(b"%PDF-2", name="a.pdf")}]
        assert await outputs(client, given, path) == [1, 1]
    assert fake_dify.runs_started == 2


async def test_a_run_that_waits_for_a_person_is_not_started_again(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", form="Fine?")], outputs={"n": 5})
    assert await outputs(client, rows(1), path) == ["paused"]
    assert await outputs(client, rows(1), path) == ["paused"]
    (token,) = fake_dify.forms
    await client.forms.submit(token, {"comment": "yes"}, "approve")
    assert await outputs(client, rows(1), path) == [5]
    assert fake_dify.runs_started == 1


async def test_what_a_journal_tells_again(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Think", tokens=7)], outputs={"text": "é\u2028"})
    async with client.workflows.run_many([{}, {}], ordered=True, journal=path) as batch:
        first = await batch.all()
    async with client.workflows.run_many([{}, {}], ordered=True, journal=path) as batch:
        again = await batch.all()
    for before, after in zip(first, again, strict=True):
        assert before.result is not None
        assert after.result is not None
        assert (before.attempts, after.attempts) == (1, 0)
        for name in ("workflow_run_id", "status", "outputs", "total_tokens", "total_price", "elapsed_time"):
            assert getattr(before.result, name) == getattr(after.result, name)
    assert batch.totals.tokens == 14


async def test_a_row_that_no_request_can_hold_hurts_no_other(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    odd: Any = {1: "a", "n": 2}
    assert await outputs(client, [{"n": 1}, odd, {"n": 3}], path) == [1, "ConfigurationError", 3]
    assert fake_dify.runs_started == 2


KILLED: Final = """
import asyncio, sys
from dify_async import AppClient

async def main():
    async with AppClient() as client:
        rows = ({"n": number} for number in range(40))
        async with client.workflows.run_many(rows, concurrency=4, journal=sys.argv[1]) as batch:
            async for outcome in batch:
                print(outcome.index, flush=True)

asyncio.run(main())
"""


async def test_a_process_that_is_killed_at_any_point_is_taken_up_again(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("One", seconds=0.02)], outputs=lambda inputs: {"n": inputs["n"]}
    )
    settings = {"DIFY_API_KEY": fake_dify.api_key, "DIFY_BASE_URL": fake_dify.base_url, "DIFY_USER": "ada"}
    on_the_way = 0
    for until in (1, 9, 20):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(path), stdout=PIPE, env={**os.environ, **settings}
        )
        assert process.stdout is not None
        for _ in range(until):
            await process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        on_the_way += 4
    assert await outputs(client, rows(40), path) == list(range(40))
    succeeded = [entry["key"] for entry in lines(path) if entry["status"] == "succeeded"]
    assert len(set(succeeded)) == len(succeeded) == 40, "one success for each row"
    assert fake_dify.runs_started <= 40 + on_the_way
