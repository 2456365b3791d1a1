"""The file of a journal: contents, owner, permissions, and damage."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from dify_async import AppClient, Outcome, Success, errors, sync
from dify_async.batch.journal import Journal, app_fingerprint
from dify_async.models import RunStatus, WorkflowResult
from dify_async.testing import FakeDify, Refuse, Workflow


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs=dict)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "runs.jsonl"


ROWS = [{"n": 0}, {"n": 1}]


async def outcomes(client: AppClient, path: Path) -> list[Outcome[WorkflowResult]]:
    async with client.workflows.run_many(ROWS, ordered=True, journal=path, concurrency=1) as batch:
        return await batch.all()


# Contents


async def test_attempts_and_seconds_are_those_of_the_batch_that_ran_the_row(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    fake_dify.faults.append(Refuse(status=429, code="too_many_requests", times=1))
    first = await outcomes(client, path)
    again = await outcomes(client, path)
    assert [outcome.attempts for outcome in again] == [outcome.attempts for outcome in first] == [2, 1]
    assert [outcome.elapsed for outcome in again] == [round(outcome.elapsed, 3) for outcome in first]
    assert all(outcome.elapsed > 0 for outcome in again)
    assert [outcome.resumed for outcome in first + again] == [False, False, True, True]
    assert fake_dify.runs_started == 2


def test_attempts_and_seconds_are_kept_by_the_blocking_client(fake_dify: FakeDify, path: Path) -> None:
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with client.workflows.run_many(ROWS, ordered=True, journal=path) as batch:
            first = batch.all()
        with client.workflows.run_many(ROWS, ordered=True, journal=path) as batch:
            again = batch.all()
    assert [outcome.attempts for outcome in again] == [1, 1]
    assert [outcome.elapsed for outcome in again] == [round(outcome.elapsed, 3) for outcome in first]


@pytest.mark.parametrize(
    "damage",
    [
        {"total_price": "free"},
        {"total_price": "NaN"},
        {"total_price": []},
        {"total_tokens": "many"},
        {"elapsed_time": "fast", "seconds": "slow", "attempts": None},
        {"seconds": 10**400, "attempts": 10**400},
    ],
    ids=str,
)
async def test_nan_does_not_make_a_journal_unusable(
    client: AppClient, fake_dify: FakeDify, path: Path, damage: dict[str, Any]
) -> None:
    await outcomes(client, path)
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(entry | damage) + "\n" for entry in entries))
    assert [outcome.status for outcome in await outcomes(client, path)] == ["succeeded"] * 2
    assert fake_dify.runs_started == 2


async def test_a_result_with_an_invalid_price_is_recorded(client: AppClient, path: Path) -> None:
    odd: Any = "free"
    result = WorkflowResult(status=RunStatus.SUCCEEDED, total_price=odd, total_tokens=odd, elapsed_time=odd)
    journal = Journal(path, "ada", "app")
    journal.open()
    journal.record_outcome(Success(index=0, key="k", row={}, result=result))
    journal.close()
    journal = Journal(path, "ada", "app")
    journal.open()
    known = journal.outcome_of("k", 0, {})
    journal.close()
    assert known is not None
    assert (known.result.total_price, known.result.total_tokens, known.result.elapsed_time) == (None, 0, 0.0)


# Owners


async def test_a_journal_of_another_app_is_rejected_and_not_changed(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    await outcomes(client, path)
    before = path.read_bytes()
    async with AppClient("app-other", user="ada", base_url=fake_dify.base_url) as other:
        with pytest.raises(errors.ConfigurationError, match="belongs to another app"):
            await outcomes(other, path)
    assert path.read_bytes() == before
    assert [outcome.resumed for outcome in await outcomes(client, path)] == [True, True]


def test_a_journal_of_another_app_is_rejected_by_the_blocking_client(fake_dify: FakeDify, path: Path) -> None:
    url = fake_dify.base_url
    with sync.AppClient(fake_dify.api_key, user="ada", base_url=url) as client:
        with client.workflows.run_many(ROWS, journal=path) as batch:
            batch.all()
    with sync.AppClient("app-other", user="ada", base_url=url) as other:
        with pytest.raises(errors.ConfigurationError, match="belongs to another app"):
            other.workflows.run_many(ROWS, journal=path).__enter__()


async def test_a_journal_does_not_contain_the_key(client: AppClient, fake_dify: FakeDify, path: Path) -> None:
    await outcomes(client, path)
    assert fake_dify.api_key not in path.read_text()
    fingerprints = {
        app_fingerprint("https://a/v1", ["app-1"]),
        app_fingerprint("https://b/v1", ["app-1"]),
        app_fingerprint("https://a/v1", ["app-2"]),
    }
    assert len(fingerprints) == 3


# Damaged files


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content + bytes(100),
        lambda content: content + content[:30] + bytes(50),
        lambda content: content + content[:30],
        lambda content: content.replace(b"\n", b"\r\n"),
        lambda content: content + b"\n\r\n",
        lambda content: bytes(20) + content,
        lambda content: content[:30] + bytes(50) + content,
        lambda content: content + bytes(50) + b"\n",
    ],
    ids=[
        "zeros",
        "half and zeros",
        "half",
        "CR LF",
        "blank lines",
        "zeros first",
        "torn first",
        "line of zeros",
    ],
)
async def test_a_journal_is_read_after_a_power_failure(
    client: AppClient, fake_dify: FakeDify, path: Path, damage: Any
) -> None:
    await outcomes(client, path)
    path.write_bytes(damage(path.read_bytes()))
    for _ in range(2):
        assert [outcome.attempts for outcome in await outcomes(client, path)] == [1, 1]
    assert fake_dify.runs_started == 2


async def test_lines_after_an_incomplete_line_are_read(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    await outcomes(client, path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]) + lines[2][:20] + bytes(30))
    assert [outcome.resumed for outcome in await outcomes(client, path)] == [True, False]
    assert [outcome.resumed for outcome in await outcomes(client, path)] == [True, True]
    assert b"\0" not in path.read_bytes()
    assert fake_dify.runs_started == 3


# Permissions and locks


async def test_a_journal_is_readable_only_by_its_owner(client: AppClient, path: Path) -> None:
    await outcomes(client, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_symbolic_link_of_the_same_user_is_followed(client: AppClient, path: Path) -> None:
    target = path.with_name("elsewhere.jsonl")
    path.symlink_to(target)
    await outcomes(client, path)
    assert target.read_text().count("succeeded") == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that belongs to another user")
async def test_a_symbolic_link_of_another_user_is_not_followed(client: AppClient, path: Path) -> None:
    target = path.with_name("precious")
    target.write_text("")
    path.symlink_to(target)
    os.lchown(path, 12345, 12345)
    with pytest.raises(errors.ConfigurationError, match="cannot be opened"):
        await outcomes(client, path)
    assert target.read_text() == ""


def _wait(started: Any, over: Any) -> None:
    started.set()
    over.wait()


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_does_not_keep_a_journal_locked(path: Path) -> None:
    journal = Journal(path, "ada", "app")
    journal.open()
    context = multiprocessing.get_context("fork")
    started, over = context.Event(), context.Event()
    child = context.Process(target=_wait, args=(started, over))
    child.start()
    try:
        started.wait()
        with pytest.raises(errors.ConfigurationError, match="in use"):
            Journal(path, "ada", "app").open()
        journal.close()
        other = Journal(path, "ada", "app")
        other.open()
        other.close()
    finally:
        over.set()
        child.join()
    assert child.exitcode == 0


async def test_a_journal_without_the_hash_of_its_app_is_accepted(
    client: AppClient, fake_dify: FakeDify, path: Path
) -> None:
    await outcomes(client, path)
    path.write_text(re.sub('"app": "[^"]*", ', "", path.read_text()))
    assert [outcome.resumed for outcome in await outcomes(client, path)] == [True, True]
