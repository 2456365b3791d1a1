"""Resumed batches: one success for each row, and no unnecessary run."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import pytest

from dify_async import AppClient, Batch, InputFile, errors
from dify_async._streaming import recovery
from dify_async.testing import Cut, Delay, FakeDify, Node, Refuse, Workflow
from tests.support.faults import GONE


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


async def test_a_rerun_runs_only_missing_rows(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    fake_dify.faults.append(Refuse(status=500, times=2))
    first = await outputs(client, rows(6), path)
    assert (first.count("ServerError"), fake_dify.runs_started) == (2, 4)
    assert await outputs(client, rows(6), path) == list(range(6))
    assert fake_dify.runs_started == 6
    assert await outputs(client, [*reversed(rows(7))], path) == [6, 5, 4, 3, 2, 1, 0]
    assert fake_dify.runs_started == 7, "rows are identified by their content, not by their position"
    ended = [entry for entry in lines(path) if entry["status"] == "succeeded"]
    assert len({entry["key"] for entry in ended}) == len(ended) == 7
    assert all(entry["run_id"] in fake_dify.runs for entry in ended)


async def test_equal_rows_are_separate_rows(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    assert await outputs(client, [{"n": 1}] * 3, path) == [1, 1, 1]
    assert await outputs(client, [{"n": 1}] * 4, path) == [1, 1, 1, 1]
    assert fake_dify.runs_started == 4


async def test_a_run_in_flight_is_continued_by_its_id(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.faults += [Cut(after_events=2), GONE]
    assert await outputs(client, rows(1), path) == ["StreamInterrupted"]
    assert [entry["status"] for entry in lines(path)] == ["started"]
    fake_dify.faults.clear()
    assert await outputs(client, rows(1), path) == [0]
    assert fake_dify.runs_started == 1


async def test_a_run_stopped_by_an_early_exit_is_started_again(
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
async def test_an_incomplete_last_line_is_removed(
    client: AppClient, fake_dify: FakeDify, path: Path, torn: bytes
) -> None:
    await outputs(client, rows(2), path)
    whole = path.read_bytes()
    path.write_bytes(whole + torn)
    assert await outputs(client, rows(2), path) == [0, 1]
    assert path.read_bytes() == whole
    assert fake_dify.runs_started == 2


async def test_a_second_batch_on_the_same_journal_is_rejected(client: AppClient, path: Path) -> None:
    async with client.workflows.run_many(rows(1), journal=path) as batch:
        with pytest.raises(errors.ConfigurationError, match="in use"):
            await outputs(client, rows(1), path)
        await batch.all()
    assert await outputs(client, rows(1), path) == [0]


async def test_a_file_that_is_not_a_journal_is_not_changed(client: AppClient, path: Path) -> None:
    path.write_text("city,country\nLisbon,Portugal\n")
    with pytest.raises(errors.ConfigurationError, match=r"line 1 of .* is not an entry"):
        await outputs(client, rows(1), path)
    assert path.read_text() == "city,country\nLisbon,Portugal\n"
    with pytest.raises(errors.ConfigurationError, match="cannot be opened"):
        await outputs(client, rows(1), path.parent)


@pytest.mark.parametrize("content", [b"precious", b"[1, 2]", b'{"city": "Lisbon"}', b"\0" * 9])
async def test_a_single_line_without_a_line_end_is_not_a_journal(
    client: AppClient, path: Path, content: bytes
) -> None:
    path.write_bytes(content)
    with pytest.raises(errors.ConfigurationError, match="is not an entry of a journal"):
        await outputs(client, rows(1), path)
    assert path.read_bytes() == content
    for device in ("/dev/null", "/dev/full"):
        with pytest.raises(errors.ConfigurationError, match="must be a regular file"):
            await outputs(client, rows(1), Path(device))


@pytest.mark.parametrize(
    ("field", "value"),
    [("outputs", None), ("outputs", "text"), ("outputs", [1]), ("handle", {"run_id": 5}), ("handle", None)],
)
async def test_a_damaged_entry_is_reported_with_its_line(
    client: AppClient, fake_dify: FakeDify, path: Path, field: str, value: Any
) -> None:
    assert await outputs(client, rows(2), path) == [0, 1]
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    number = next(index for index, entry in enumerate(entries) if field in entry)
    entries[number][field] = value
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(
        errors.ConfigurationError, match=f"line {number + 1} of .* is not an entry of a journal"
    ):
        await outputs(client, rows(2), path)
    assert fake_dify.runs_started == 2


async def test_files_in_rows_are_identified_by_their_content(
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


async def test_outcomes_from_a_journal(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Think", tokens=7)], outputs={"text": "é\u2028"})
    async with client.workflows.run_many([{}, {}], ordered=True, journal=path) as batch:
        first = await batch.all()
    async with client.workflows.run_many([{}, {}], ordered=True, journal=path) as batch:
        again = await batch.all()
    for before, after in zip(first, again, strict=True):
        assert before.result is not None
        assert after.result is not None
        assert (before.attempts, after.attempts) == (1, 1)
        assert (before.resumed, after.resumed) == (False, True)
        assert after.elapsed == round(before.elapsed, 3) > 0
        for name in ("workflow_run_id", "status", "outputs", "total_tokens", "total_price", "total_steps"):
            assert getattr(before.result, name) == getattr(after.result, name)
        assert before.result.elapsed_time == after.result.elapsed_time
    assert batch.totals.tokens == 14


async def test_a_row_that_cannot_be_sent_does_not_affect_others(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    odd: Any = {1: "a", "n": 2}
    deep: Any = []
    for _ in range(10_000):
        deep = [deep]
    given = [{"n": 1}, odd, {"n": deep}, {"n": 3}]
    assert await outputs(client, given, path) == [1, "ConfigurationError", "ConfigurationError", 3]
    assert fake_dify.runs_started == 2


async def test_files_that_cannot_be_identified_are_rejected(client: AppClient, path: Path) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"%PDF"

    with pytest.raises(errors.ConfigurationError, match=r"the file 'a\.pdf' cannot be recognized"):
        await outputs(client, [{"doc": InputFile(parts(), name="a.pdf")}], path)


async def test_files_in_memory_are_identified_by_their_bytes(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(outputs={"n": 1})
    files = [InputFile(BytesIO(content), name="a.pdf") for content in (b"one", b"two")]
    await outputs(client, [{"doc": files[0]}], path)
    await outputs(client, [{"doc": files[1]}], path)
    assert fake_dify.runs_started == 2
    assert await outputs(client, [{"doc": file} for file in reversed(files)], path) == [1, 1]
    assert fake_dify.runs_started == 2


async def test_the_same_row_differs_by_end_user(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    assert await outputs(client, rows(2), path) == [0, 1]
    assert await outputs(client.for_user("bob"), rows(2), path) == [0, 1]
    assert [run.user for run in fake_dify.runs.values()] == ["ada", "ada", "bob", "bob"]


async def test_a_full_disk_stops_the_batch_and_leaves_a_valid_journal(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    read: list[str] = []
    # Space for the first row, the start of the second, and a part of its end.
    resource.setrlimit(resource.RLIMIT_FSIZE, (880, limits[1]))
    try:
        with pytest.raises(OSError, match=r"File too large: .*runs\.jsonl"):
            async with client.workflows.run_many(rows(5), concurrency=1, journal=path) as batch:
                async for outcome in batch:
                    read.append(outcome.status)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert read == ["succeeded"] * 2, "a result that was paid for is returned anyway"
    assert [entry["status"] for entry in lines(path)] == ["started", "succeeded", "started"]
    assert await outputs(client, rows(5), path) == list(range(5))
    assert fake_dify.runs_started == 5, "the second is resumed by its id"


async def lost(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    """Leave a run in flight whose worker sends no further events."""
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    detached = AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url, on_abandon="detach")
    async with detached, detached.workflows.run_many(rows(1), journal=path):
        while not path.exists() or "started" not in path.read_text():
            await asyncio.sleep(0.01)
    fake_dify.workflow = Workflow(outputs={"n": 9})


async def test_an_unreadable_record_does_not_start_a_run_twice(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    await lost(client, fake_dify, path)
    fake_dify.faults.append(Refuse(status=403, code="forbidden", on="GET /v1/workflow", times=2))
    assert await outputs(client, rows(1), path) == ["Forbidden"]
    (run,) = fake_dify.runs.values()
    run.stop()
    assert await outputs(client, rows(1), path) == [9], (
        "its record was requested again, and it had been stopped"
    )
    assert [entry["status"] for entry in lines(path)] == ["started", "started", "succeeded"]


async def test_a_run_without_progress_is_started_again_if_the_server_has_no_result(
    client: AppClient, fake_dify: FakeDify, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recovery, "GIVE_UP_AFTER", 0.5)
    await lost(client, fake_dify, path)
    fake_dify.faults.append(Refuse(status=503, on="GET /v1/workflow", times=99))
    assert await outputs(client, rows(1), path) == ["ServerError"]
    fake_dify.faults.clear()
    assert await outputs(client, rows(1), path) == [9]
    assert fake_dify.runs_started == 2


async def test_a_batch_cancelled_at_any_time_unlocks_its_journal(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    batches = [client.workflows.run_many(rows(2), journal=path) for _ in range(2)]

    async def read(batch: Batch[Any, Any]) -> None:
        async with batch:
            await batch.all()

    entering = asyncio.create_task(read(batches[0]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering
    async with client.workflows.run_many([], journal=path) as batch:
        assert await batch.all() == []
    fake_dify.faults.append(Delay(on="/stop", seconds=0.5, times=2))
    reading = asyncio.create_task(read(batches[1]))
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: fake_dify.runs_started == 2)
    reading.cancel()
    assert await asyncio.to_thread(fake_dify.wait_for, lambda: not fake_dify.faults)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with client.workflows.run_many([], journal=path) as batch:
        assert await batch.all() == []


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


async def test_a_process_killed_at_any_point_can_be_resumed(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.workflow = Workflow(
        nodes=[Node("One", seconds=0.02)], outputs=lambda inputs: {"n": inputs["n"]}
    )
    settings = {"DIFY_API_KEY": fake_dify.api_key, "DIFY_BASE_URL": fake_dify.base_url, "DIFY_USER": "ada"}
    in_flight = 0
    for until in (1, 9, 20):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", KILLED, str(path), stdout=PIPE, env={**os.environ, **settings}
        )
        assert process.stdout is not None
        for _ in range(until):
            await process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        await process.communicate()
        in_flight += 4
    assert await outputs(client, rows(40), path) == list(range(40))
    succeeded = [entry["key"] for entry in lines(path) if entry["status"] == "succeeded"]
    assert len(set(succeeded)) == len(succeeded) == 40, "one success for each row"
    assert fake_dify.runs_started <= 40 + in_flight
