"""Waiting for the indexing: reports, timeouts, and errors."""

from __future__ import annotations

import math
import pickle
from typing import Any

import pytest

from dify_async import errors
from dify_async.models import IndexingReport
from dify_async.testing import Drop, FakeDify, Indexing, Refuse
from tests.resources.knowledge.conftest import Documents, Naps

pytestmark = pytest.mark.usefixtures("naps")


async def new(documents: Documents, name: str = "a.txt", text: str = "words") -> str:
    created = await documents.call("create_by_text", name, text)
    batch: str = created.batch
    return batch


async def test_waits_until_a_document_can_be_searched(
    documents: Documents, fake_dify: FakeDify, naps: Naps
) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=3)
    seen: list[tuple[list[str], bool]] = []

    def progress(report: IndexingReport) -> None:
        seen.append(([str(one.indexing_status) for one in report.documents], report.is_over))

    report = await documents.wait_indexed(await new(documents), progress=progress)
    assert report.ok
    assert [one.id for one in report.indexed] == [one.id for one in fake_dify.knowledge.documents]
    assert seen == [(["indexing"], False), (["completed"], True)]
    assert naps.seconds == [1.0, 1.5, 2.25]


async def test_the_delays_grow_up_to_a_limit(documents: Documents, fake_dify: FakeDify, naps: Naps) -> None:
    fake_dify.knowledge.indexing = Indexing(seconds=200)
    await documents.wait_indexed(await new(documents))
    assert max(naps.seconds) == 15
    assert sum(naps.seconds) < 220


async def test_failed_empty_and_stuck_documents_are_distinguished(
    documents: Documents, fake_dify: FakeDify
) -> None:
    fake_dify.knowledge.indexing_of = {
        "bad": Indexing(error="boom"),
        "empty": Indexing(empty=True),
        "stuck": Indexing(seconds=math.inf),
    }
    batches = [await new(documents, name) for name in ("bad", "empty", "stuck", "good")]
    with pytest.raises(errors.IndexingFailed) as caught:
        await documents.wait_indexed(batches, stuck_after=100)
    report = caught.value.report
    names = {one.id: one.name for one in fake_dify.knowledge.documents}
    sorted_out = [report.failed, report.empty, report.stuck, report.indexed, report.pending]
    assert [[names[one.id] for one in group] for group in sorted_out] == [
        ["bad"],
        ["empty"],
        ["stuck"],
        ["good"],
        [],
    ]
    assert str(caught.value) == (
        "not all of 4 documents were indexed: 1 failed, 1 without text, 1 without progress for 100 seconds: "
        "boom"
    )
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.report == report


async def test_progress_restarts_the_timeout(documents: Documents, fake_dify: FakeDify) -> None:
    fake_dify.knowledge.indexing_of = {"a": Indexing(seconds=90), "b": Indexing(seconds=180)}
    batches = [await new(documents, name) for name in ("a", "b")]
    assert (await documents.wait_indexed(batches, stuck_after=100)).ok


async def test_a_batch_has_one_status_request_at_a_time(documents: Documents, fake_dify: FakeDify) -> None:
    batches = [await new(documents, name) for name in ("a", "b", "c")]
    fake_dify.requests.clear()
    await documents.wait_indexed([*batches, *batches])
    asked = [request.path.split("/")[-2] for request in fake_dify.requests]
    assert asked == [*batches, *batches]  # Two rounds, because the first status is not the last.


@pytest.mark.parametrize(
    "fault", [Refuse(on="/indexing-status", status=502, times=12), Drop(on="/indexing-status", times=12)]
)
async def test_a_restart_of_the_server_is_not_a_failure(
    documents: Documents, fake_dify: FakeDify, fault: Any
) -> None:
    batch = await new(documents)
    fake_dify.faults.append(fault)
    assert (await documents.wait_indexed(batch)).ok


async def test_a_server_that_stays_unreachable_is_reported(documents: Documents, fake_dify: FakeDify) -> None:
    batch = await new(documents)
    fake_dify.faults.append(Refuse(on="/indexing-status", status=502, times=1000))
    with pytest.raises(errors.ServerError):
        await documents.wait_indexed(batch, stuck_after=60, retry=0)
    fake_dify.faults.clear()


async def test_deleted_documents_are_not_waited_for(
    documents: Documents, fake_dify: FakeDify, naps: Naps
) -> None:
    fake_dify.knowledge.indexing_of = {"gone": Indexing(seconds=math.inf)}
    batches = [await new(documents, "gone"), await new(documents, "stays")]
    gone = fake_dify.knowledge.documents[0].id
    naps.then.append(lambda: documents.dataset.documents.remove(gone))
    report = await documents.wait_indexed(batches)
    assert [one.id for one in report.documents] == [fake_dify.knowledge.documents[0].id]


async def test_an_unknown_batch_is_an_error(documents: Documents) -> None:
    with pytest.raises(errors.NotFound):
        await documents.wait_indexed("20260101000000123456")


async def test_no_batch_returns_at_once(documents: Documents) -> None:
    assert (await documents.wait_indexed([])).documents == []


@pytest.mark.parametrize("value", [0, -1, True, "10", None, math.nan])
async def test_the_timeout_must_be_a_number_of_seconds(documents: Documents, value: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="`stuck_after` must be a positive number"):
        await documents.wait_indexed("x", stuck_after=value)


async def test_unknown_options_are_rejected(documents: Documents) -> None:
    with pytest.raises(TypeError, match="wait_indexed"):
        await documents.wait_indexed("x", tiemout=3)
