"""Upload of many files: an outcome for each, within the rate limit, and no file twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dify_async import InputFile, errors
from dify_async.testing import Drop, FakeDify, Refuse
from tests.resources.knowledge.conftest import Documents, Naps


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.txt" for number in range(8)]
    for path in paths:
        path.write_text(f"words of {path.name}")
    return paths


def names(dify: FakeDify) -> list[str]:
    return sorted(document.name for document in dify.knowledge.documents)


async def test_each_file_has_an_outcome(
    documents: Documents, fake_dify: FakeDify, files: list[Path], tmp_path: Path
) -> None:
    bad = InputFile(b"MZ", name="setup.exe")
    given: list[Any] = [*files, bad, tmp_path / "missing.txt", InputFile(b"x", name="x.md")]
    outcomes = await documents.upload_many(given)
    failed = {str(outcome.row): type(outcome.error) for outcome in outcomes if not outcome.ok}
    assert failed == {str(bad): errors.InvalidParam, str(given[-2]): errors.ConfigurationError}
    assert names(fake_dify) == sorted([*(path.name for path in files), "x.md"])
    batches = [outcome.result.batch for outcome in outcomes if outcome.ok]
    assert sorted(batches) == sorted(document.batch for document in fake_dify.knowledge.documents)


async def test_settings_are_sent_if_they_are_passed(documents: Documents, fake_dify: FakeDify) -> None:
    rule = {"mode": "custom", "rules": {"segmentation": {"separator": "|", "max_tokens": 9}}}
    file = InputFile(b"a|b", name="a.txt")
    (outcome,) = await documents.upload_many([file], process_rule=rule)
    assert outcome.ok
    assert [one.content for one in fake_dify.knowledge.documents[0].segments.values()] == ["a", "b"]


async def test_per_minute_is_kept(
    documents: Documents, fake_dify: FakeDify, files: list[Path], naps: Naps
) -> None:
    fake_dify.knowledge.requests_per_minute = 3
    outcomes = await documents.upload_many(files, per_minute=3)
    assert [(outcome.error, outcome.attempts) for outcome in outcomes] == [(None, 1)] * len(files)
    assert len(fake_dify.knowledge.documents) == len(files)
    assert sum(set(naps.seconds)) > 100  # Two more minutes for eight files.


async def test_the_rate_limit_of_the_plan_is_waited_for(
    documents: Documents, fake_dify: FakeDify, files: list[Path], naps: Naps
) -> None:
    fake_dify.knowledge.requests_per_minute = 3
    outcomes = await documents.upload_many(files, concurrency=2)
    assert [outcome.error for outcome in outcomes] == [None] * len(files)
    assert names(fake_dify) == [path.name for path in files]
    assert naps.seconds


async def test_a_rate_limit_that_persists_is_the_outcome(
    documents: Documents, fake_dify: FakeDify, files: list[Path], naps: Naps
) -> None:
    fake_dify.knowledge.requests_per_minute = 0
    (outcome,) = await documents.upload_many(files[:1])
    assert isinstance(outcome.error, errors.KnowledgeRateLimited)
    assert sum(naps.seconds) > 60


async def test_an_upload_without_a_response_is_not_repeated(
    documents: Documents, fake_dify: FakeDify, files: list[Path]
) -> None:
    fake_dify.faults.append(Drop(on="/create-by-file"))
    outcomes = await documents.upload_many(files[:2], concurrency=1)
    assert [outcome.ok for outcome in outcomes] == [False, True]
    assert isinstance(outcomes[0].error, errors.TransportError)
    assert names(fake_dify) == ["1.txt"]


async def test_a_wrong_key_ends_the_upload(
    documents: Documents, fake_dify: FakeDify, files: list[Path]
) -> None:
    fake_dify.faults.append(Refuse(on="/create-by-file", status=401, code="unauthorized", times=100))
    with pytest.raises(errors.Unauthorized):
        await documents.upload_many(files, concurrency=1)
    assert len(fake_dify.requests) == 1
    fake_dify.faults.clear()


async def test_files_are_read_as_they_are_needed(documents: Documents, fake_dify: FakeDify) -> None:
    read: list[int] = []

    def endless() -> Any:
        for number in range(10**6):
            read.append(number)
            yield InputFile(b"x", name=f"{number}.txt")

    batch = documents._documents.upload_many(documents.dataset.id, endless(), concurrency=2)
    if documents._is_async:
        async with batch:
            await anext(batch)
    else:
        with batch:
            next(iter(batch))
    assert len(read) < 10


@pytest.mark.parametrize("value", [0, -1, True, 1.5, "3"])
async def test_arguments_are_checked(documents: Documents, value: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="`per_minute` must be an int of 1 or more"):
        await documents.upload_many([], per_minute=value)


async def test_unknown_options_are_rejected(documents: Documents) -> None:
    with pytest.raises(TypeError, match=r"upload_many.*'proces_rule'"):
        await documents.upload_many([], proces_rule={})
