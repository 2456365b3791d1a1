"""Batches in blocking clients."""

from __future__ import annotations

import signal
import sqlite3
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Final

import pytest

from dify_async import errors
from dify_async.sync import AppClient
from dify_async.testing import Chat, Completion, FakeDify, Node, Workflow
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running


@pytest.fixture
def client(fake_dify: FakeDify) -> Iterator[AppClient]:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(outputs=dict)
    with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        yield client


def test_outcomes_are_read_in_a_loop(client: AppClient) -> None:
    readers: set[str] = set()

    def rows() -> Iterator[dict[str, Any]]:
        for number in range(20):
            readers.add(threading.current_thread().name)
            yield {"n": number}

    with client.workflows.run_many(rows(), concurrency=4, ordered=True) as batch:
        outputs = [outcome.result.outputs for outcome in batch if outcome.result is not None]
    assert outputs == [{"n": number} for number in range(20)]
    assert batch.totals.ok == 20
    assert readers == {"dify-async-rows"}, "not in the thread of the event loop"


def test_an_early_exit_stops_the_runs_in_flight(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=60)])
    with client.workflows.run_many([{}] * 9, concurrency=3):
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 3)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (3, 3)
    with pytest.raises(TypeError, match="entered first"):
        iter(client.workflows.run_many([]))


def test_batches_of_chats_and_completions(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.app = Chat(answer=lambda query, _: [query.upper()])
    rows: list[Any] = [
        "a",
        {"query": "b", "inputs": {"x": "y"}},
        {"quary": "c"},
        5,
        {"query": "d", "files": 5},
    ]
    with client.chat.send_many(rows, ordered=True) as batch:
        outcomes = batch.all()
    assert [outcome.result.answer if outcome.result else None for outcome in outcomes] == [
        "A",
        "B",
        None,
        None,
        None,
    ]
    assert [type(outcome.error) for outcome in outcomes[2:]] == [errors.ConfigurationError] * 3
    fake_dify.app = Completion()
    with client.completions.create_many([{}, {}]) as completions:
        assert [outcome.result.answer for outcome in completions if outcome.result] == ["Hello, world"] * 2
    assert completions.totals.statuses == {"succeeded": 2}


def test_the_rows_of_a_batch_are_read_in_one_thread(client: AppClient) -> None:
    def rows(readers: set[threading.Thread]) -> Iterator[dict[str, Any]]:
        with closing(sqlite3.connect(":memory:")) as db:  # Refuses other threads.
            for (number,) in db.execute("select 0 union select 1 union select 2"):
                readers.add(threading.current_thread())
                yield {"n": number}

    first: set[threading.Thread] = set()
    second: set[threading.Thread] = set()
    with client.workflows.run_many(rows(first)) as one, client.workflows.run_many(rows(second)) as other:
        assert (len(one.all()), len(other.all())) == (3, 3)
    assert (len(first), len(second)) == (1, 1)
    assert threading.main_thread() not in first | second


def test_rows_that_raise_systemexit_end_only_their_batch(client: AppClient) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        yield {}
        sys.exit(3)

    with client.workflows.run_many(rows()) as batch:
        with pytest.raises(RuntimeError, match=r"SystemExit\(3\)"):
            batch.all()
        assert batch.totals.ok == 1
    assert client.workflows.run({}).status == "succeeded"


WAITING: Final = """
import os
from dify_async.sync import AppClient

def rows():
    yield {}
    os.read(os.pipe()[0], 1)

with AppClient() as client, client.workflows.run_many(rows()) as batch:
    for outcome in batch:
        print(outcome.status, flush=True)
"""


@pytest.mark.usefixtures("client")
def test_rows_that_never_arrive_do_not_delay_ctrl_c(fake_dify: FakeDify) -> None:
    settings = {"DIFY_API_KEY": fake_dify.api_key, "DIFY_BASE_URL": fake_dify.base_url, "DIFY_USER": "ada"}
    with running([sys.executable, "-c", WAITING], settings) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "succeeded\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=HANGS_AFTER)
    assert said.endswith("KeyboardInterrupt\n")
