"""Syncing of a folder to a knowledge base: uploads, updates, deletions, adopted and unchanged documents."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dify_async import SyncAction, SyncChange, SyncReport, errors
from dify_async.testing import Drop, FakeDify, FakeDocument, Indexing, Refuse
from tests.resources.knowledge.conftest import Documents, Naps

pytestmark = pytest.mark.usefixtures("naps")

FILES = {"a.md": "alpha", "b.txt": "beta", "guides/setup.md": "how to set up"}


@pytest.fixture(autouse=True)
def quick(fake_dify: FakeDify) -> None:
    fake_dify.knowledge.indexing = Indexing(polls=0)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "handbook"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def actions(report: SyncReport) -> dict[str, str]:
    assert report.ok, report.failed
    return {change.path: str(change.action) for change in report.changes}


def stored(dify: FakeDify) -> dict[str, str]:
    """Return the texts of all documents by name; each name may occur once."""
    documents = dify.knowledge.documents
    assert len({one.name for one in documents}) == len(documents)
    return {one.name: one.content.decode() for one in documents}


def by_name(dify: FakeDify, name: str) -> FakeDocument:
    return next(one for one in dify.knowledge.documents if one.name == name)


def journal_of(folder: Path, documents: Documents) -> Path:
    return folder / f".dify-async-{documents.dataset.id[:8]}.jsonl"


def changes(dify: FakeDify) -> list[str]:
    """Return the methods of all requests that change something."""
    return [request.method for request in dify.requests if request.method != "GET"]


async def test_new_files_are_uploaded_once(documents: Documents, fake_dify: FakeDify, folder: Path) -> None:
    first = await documents.sync_folder(folder)
    assert actions(first) == dict.fromkeys(FILES, "create")
    assert stored(fake_dify) == {
        "a.md": "alpha",
        "b.txt": "beta",
        "guides - setup.md": "how to set up",
    }
    fake_dify.requests.clear()
    again = await documents.sync_folder(str(folder))
    assert actions(again) == dict.fromkeys(FILES, "keep")
    assert changes(fake_dify) == []
    assert (first.count("create"), again.count(SyncAction.KEEP)) == (3, 3)
    assert again.batches == []
    assert sorted(first.batches) == sorted(one.batch for one in fake_dify.knowledge.documents)
    assert (await documents.wait_indexed(first.batches)).ok


async def test_changed_files_replace_their_documents(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    before = by_name(fake_dify, "a.md").id
    (folder / "a.md").write_text("ALPHA")  # The same size as before.
    report = await documents.sync_folder(folder)
    assert actions(report) == {"a.md": "update", "b.txt": "keep", "guides/setup.md": "keep"}
    assert stored(fake_dify)["a.md"] == "ALPHA"
    assert by_name(fake_dify, "a.md").id == before
    assert actions(await documents.sync_folder(folder))["a.md"] == "keep"


async def test_removed_files_are_deleted_with_delete_true(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    (folder / "a.md").unlink()
    other = await documents.call("create_by_text", "of somebody else", "text")
    assert actions(await documents.sync_folder(folder))["a.md"] == "leave"
    assert "a.md" in stored(fake_dify)
    assert actions(await documents.sync_folder(folder, delete=True))["a.md"] == "delete"
    assert "a.md" not in stored(fake_dify)
    assert "a.md" not in actions(await documents.sync_folder(folder, delete=True))
    assert other.document.id in documents.dataset.documents


async def test_a_dry_run_returns_the_plan(documents: Documents, fake_dify: FakeDify, folder: Path) -> None:
    plan = await documents.sync_folder(folder, dry_run=True)
    assert (plan.dry_run, actions(plan)) == (True, dict.fromkeys(FILES, "create"))
    assert not journal_of(folder, documents).exists()
    await documents.sync_folder(folder)
    (folder / "a.md").write_text("changed")
    (folder / "b.txt").unlink()
    written = journal_of(folder, documents).read_bytes()
    fake_dify.requests.clear()
    plan = await documents.sync_folder(folder, dry_run=True, delete=True)
    assert actions(plan) == {"a.md": "update", "b.txt": "delete", "guides/setup.md": "keep"}
    assert changes(fake_dify) == []
    assert journal_of(folder, documents).read_bytes() == written
    report = await documents.sync_folder(folder, delete=True)
    assert actions(report) == actions(plan)


async def test_progress_is_called_for_each_file(documents: Documents, folder: Path) -> None:
    seen: list[SyncChange] = []
    report = await documents.sync_folder(folder, progress=seen.append)
    assert seen == report.changes
    assert {change.path: change.size for change in seen} == {name: len(text) for name, text in FILES.items()}


async def test_hidden_files_and_files_outside_the_patterns_are_skipped(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "config.txt").write_text("x")
    (folder / ".secret.txt").write_text("x")
    assert actions(await documents.sync_folder(folder, include=["*.md"])) == {
        "a.md": "create",
        "guides/setup.md": "create",
    }
    assert actions(await documents.sync_folder(folder, include=["guides/*"], delete=True)) == {
        "guides/setup.md": "keep",
        "a.md": "delete",
    }
    assert list(stored(fake_dify)) == ["guides - setup.md"]


async def test_a_journal_in_the_folder_is_not_a_document(documents: Documents, folder: Path) -> None:
    journal = folder / "journal.txt"
    await documents.sync_folder(folder, journal=journal)
    assert actions(await documents.sync_folder(folder, journal=journal)) == dict.fromkeys(FILES, "keep")


async def test_documents_deleted_elsewhere_are_created_again(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    documents.dataset.documents.remove(by_name(fake_dify, "a.md").id)
    assert actions(await documents.sync_folder(folder))["a.md"] == "create"
    assert len(stored(fake_dify)) == 3


async def test_failed_documents_are_created_again(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    fake_dify.knowledge.indexing_of["a.md"] = Indexing(polls=0, error="no quota")
    await documents.sync_folder(folder)
    fake_dify.knowledge.indexing_of.clear()
    assert actions(await documents.sync_folder(folder))["a.md"] == "update"
    assert by_name(fake_dify, "a.md").error is None
    assert actions(await documents.sync_folder(folder))["a.md"] == "keep"


async def test_a_document_is_replaced_after_it_is_indexed(
    documents: Documents, fake_dify: FakeDify, folder: Path, naps: Naps
) -> None:
    fake_dify.knowledge.indexing = Indexing(seconds=50)
    await documents.sync_folder(folder)
    (folder / "a.md").write_text("changed")
    assert actions(await documents.sync_folder(folder))["a.md"] == "update"
    assert stored(fake_dify)["a.md"] == "changed"
    assert sum(naps.seconds) >= 50


async def test_documents_that_cannot_be_replaced_are_reported(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    by_name(fake_dify, "a.md").enabled = False
    by_name(fake_dify, "b.txt").archived = True
    (folder / "a.md").write_text("changed")
    (folder / "b.txt").unlink()
    report = await documents.sync_folder(folder, delete=True)
    assert {change.path: change.action for change in report.failed} == {"a.md": "update", "b.txt": "delete"}
    assert [type(change.error) for change in sorted(report.failed, key=lambda one: one.path)] == [
        errors.InvalidParam,
        errors.Forbidden,
    ]
    by_name(fake_dify, "a.md").enabled = True
    by_name(fake_dify, "b.txt").archived = False
    assert (await documents.sync_folder(folder, delete=True)).ok
    assert stored(fake_dify)["a.md"] == "changed"


# Lost documents and journals


async def test_an_upload_whose_response_was_lost_is_adopted(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    fake_dify.faults.append(Drop(on="/create-by-file", after_start=True))
    failed = await documents.sync_folder(folder, include=["a.md"])
    assert [isinstance(change.error, errors.TransportError) for change in failed.failed] == [True]
    assert len(fake_dify.knowledge.documents) == 1
    assert actions(await documents.sync_folder(folder, include=["a.md"])) == {"a.md": "adopt"}
    assert actions(await documents.sync_folder(folder, include=["a.md"])) == {"a.md": "keep"}
    assert len(fake_dify.knowledge.documents) == 1


async def test_sync_waits_for_the_server_to_store_an_interrupted_upload(
    documents: Documents, fake_dify: FakeDify, folder: Path, naps: Naps
) -> None:
    fake_dify.faults.append(Drop(on="/create-by-file"))
    assert not (await documents.sync_folder(folder, include=["a.md"])).ok
    naps.then.append(lambda: _store(fake_dify, documents, "a.md", b"alpha"))
    assert actions(await documents.sync_folder(folder, include=["a.md"])) == {"a.md": "adopt"}
    assert len(fake_dify.knowledge.documents) == 1


def _store(dify: FakeDify, documents: Documents, name: str, content: bytes) -> None:
    documents.dataset.documents.add(
        FakeDocument(
            name=name,
            content=content,
            mime_type="text/plain",
            position=99,
            batch="99",
            indexing=dify.knowledge.indexing,
            rule={"mode": "automatic"},
            started_at=0,
        )
    )


async def test_a_file_changed_after_the_loss_replaces_the_adopted_document(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    fake_dify.faults.append(Drop(on="/create-by-file"))
    await documents.sync_folder(folder, include=["a.md"])
    _store(fake_dify, documents, "a.md", b"alpha")
    (folder / "a.md").write_text("longer than before")
    assert actions(await documents.sync_folder(folder, include=["a.md"])) == {"a.md": "update"}
    assert stored(fake_dify) == {"a.md": "longer than before"}


async def test_documents_are_adopted_if_the_journal_is_lost(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    journal_of(folder, documents).unlink()
    (folder / "b.txt").write_text("of another size")
    report = await documents.sync_folder(folder)
    assert actions(report) == {"a.md": "adopt", "b.txt": "create", "guides/setup.md": "adopt"}


async def test_an_update_whose_response_was_lost_is_not_repeated(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    (folder / "a.md").write_text("ALPHA")
    fake_dify.faults.append(Drop(on="PATCH /datasets", after_start=True))
    assert not (await documents.sync_folder(folder)).ok
    assert by_name(fake_dify, "a.md").content == b"ALPHA"
    assert actions(await documents.sync_folder(folder))["a.md"] == "adopt"
    assert actions(await documents.sync_folder(folder))["a.md"] == "keep"


async def test_an_update_that_never_arrived_is_sent(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    (folder / "a.md").write_text("ALPHA")
    fake_dify.faults.append(Drop(on="PATCH /datasets"))
    assert not (await documents.sync_folder(folder)).ok
    assert actions(await documents.sync_folder(folder))["a.md"] == "update"
    assert stored(fake_dify)["a.md"] == "ALPHA"


async def test_a_rejected_upload_is_retried(
    documents: Documents, fake_dify: FakeDify, folder: Path, naps: Naps
) -> None:
    fake_dify.faults.append(Refuse(on="/create-by-file", status=400, code="invalid_param"))
    report = await documents.sync_folder(folder)
    assert [(change.action, type(change.error)) for change in report.failed] == [
        ("create", errors.InvalidParam)
    ]
    naps.seconds.clear()
    assert actions(await documents.sync_folder(folder))[report.failed[0].path] == "create"
    assert naps.seconds == []
    assert len(stored(fake_dify)) == 3


# Limits and errors


async def test_the_rate_limit_of_the_plan_is_waited_for(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    fake_dify.knowledge.requests_per_minute = 2
    assert actions(await documents.sync_folder(folder)) == dict.fromkeys(FILES, "create")


async def test_a_full_plan_ends_the_sync(documents: Documents, fake_dify: FakeDify, folder: Path) -> None:
    fake_dify.knowledge.max_documents = 1
    with pytest.raises(errors.Forbidden):
        await documents.sync_folder(folder, concurrency=1)
    fake_dify.knowledge.max_documents = None
    report = await documents.sync_folder(folder)
    assert sorted(actions(report).values()) == ["create", "create", "keep"]


async def test_files_that_cannot_be_uploaded_do_not_stop_the_others(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    (folder / "setup.exe").write_bytes(b"MZ")
    report = await documents.sync_folder(folder)
    assert [(change.path, change.action) for change in report.failed] == [("setup.exe", "create")]
    assert len(stored(fake_dify)) == 3


async def test_a_broken_link_is_not_a_removed_file(
    documents: Documents, fake_dify: FakeDify, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere.md").write_text("text")
    (folder / "link.md").symlink_to(tmp_path / "elsewhere.md")
    await documents.sync_folder(folder)
    (tmp_path / "elsewhere.md").unlink()
    report = await documents.sync_folder(folder, delete=True)
    assert [(change.path, type(change.error)) for change in report.failed] == [
        ("link.md", errors.ConfigurationError)
    ]
    assert len(stored(fake_dify)) == 4


async def test_lists_of_several_pages_are_read(
    documents: Documents, fake_dify: FakeDify, tmp_path: Path
) -> None:
    contents = {f"{number}.md": b"text" for number in range(200)}
    journal = tmp_path / "journal"
    first = await documents.sync_folder(contents, journal=journal, concurrency=20)
    assert first.count("create") == 200
    journal.unlink()
    again = await documents.sync_folder(contents, journal=journal, concurrency=20)
    assert again.count("adopt") == 200
    assert len(stored(fake_dify)) == 200


async def test_files_of_the_same_document_name_are_an_error(documents: Documents, folder: Path) -> None:
    (folder / "guides - setup.md").write_text("other")
    report = await documents.sync_folder(folder)
    (failed,) = report.failed
    assert failed.action is None
    assert "would be documents of the same name" in str(failed.error)


async def test_an_empty_folder_deletes_nothing(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    for path in folder.rglob("*.*"):
        if path.is_file() and not path.name.startswith("."):
            path.unlink()
    with pytest.raises(errors.ConfigurationError, match="the folder is empty"):
        await documents.sync_folder(folder, delete=True)
    assert len(stored(fake_dify)) == 3


async def test_a_folder_that_does_not_exist_is_an_error(documents: Documents, tmp_path: Path) -> None:
    with pytest.raises(errors.ConfigurationError, match="missing"):
        await documents.sync_folder(tmp_path / "missing", journal=tmp_path / "j")


async def test_an_unknown_knowledge_base_is_an_error(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    fake_dify.knowledge.datasets.clear()
    with pytest.raises(errors.NotFound):
        await documents.sync_folder(folder)


async def test_a_journal_belongs_to_one_knowledge_base_and_one_sync(
    documents: Documents, fake_dify: FakeDify, folder: Path, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    await documents.sync_folder(folder, journal=journal)
    other = fake_dify.knowledge.add("other")
    async with fake_dify.knowledge_client() as client:
        with pytest.raises(errors.ConfigurationError, match="belongs to another knowledge base"):
            await client.documents.sync_folder(other.id, folder, journal=journal)
    line = json.loads(journal.read_text().splitlines()[0])
    assert line["dataset_id"] == documents.dataset.id
    assert line["status"] == "started"
    journal.write_text("no journal\n")
    with pytest.raises(errors.ConfigurationError, match="is not an entry of a journal"):
        await documents.sync_folder(folder, journal=journal)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("document_id", None),
        ("file_id", 5),
        ("size", float("inf")),
        ("size", "5"),
        ("hash", None),
        ("status", 1),
    ],
)
async def test_a_damaged_entry_of_the_journal_is_reported_with_its_line(
    documents: Documents, fake_dify: FakeDify, folder: Path, field: str, value: Any
) -> None:
    await documents.sync_folder(folder)
    before = len(fake_dify.knowledge.documents)
    journal = journal_of(folder, documents)
    entries = [json.loads(line) for line in journal.read_text().splitlines()]
    number = next(index for index, entry in enumerate(entries) if entry["status"] == "stored")
    entries[number][field] = value
    journal.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    with pytest.raises(
        errors.ConfigurationError, match=f"line {number + 1} of .* is not an entry of a journal"
    ):
        await documents.sync_folder(folder)
    assert len(fake_dify.knowledge.documents) == before


async def test_an_incomplete_last_line_of_the_journal_is_ignored(
    documents: Documents, fake_dify: FakeDify, folder: Path
) -> None:
    await documents.sync_folder(folder)
    journal = journal_of(folder, documents)
    journal.write_bytes(journal.read_bytes()[:-20])
    assert set(actions(await documents.sync_folder(folder)).values()) == {"keep", "adopt"}
    assert len(stored(fake_dify)) == 3


# Contents without a folder

Named = Callable[[], Any]


def pairs() -> Iterator[tuple[str, bytes]]:
    yield from ((name, text.encode()) for name, text in FILES.items())


async def later() -> AsyncIterator[tuple[str, bytes]]:
    for pair in pairs():
        await asyncio.sleep(0)
        yield pair


@pytest.mark.parametrize("named", [lambda: dict(pairs()), lambda: list(pairs()), pairs, later])
async def test_contents_with_names_are_synced(
    documents: Documents, fake_dify: FakeDify, tmp_path: Path, named: Named
) -> None:
    journal = tmp_path / "journal"
    assert actions(await documents.sync_folder(named(), journal=journal)) == dict.fromkeys(FILES, "create")
    assert stored(fake_dify)["guides - setup.md"] == "how to set up"
    assert actions(await documents.sync_folder(named(), journal=journal)) == dict.fromkeys(FILES, "keep")
    report = await documents.sync_folder({"a.md": b"new"}, journal=journal, delete=True)
    assert actions(report) == {"a.md": "update", "b.txt": "delete", "guides/setup.md": "delete"}


async def test_contents_may_be_paths(documents: Documents, fake_dify: FakeDify, folder: Path) -> None:
    named = {"renamed.md": folder / "a.md"}
    await documents.sync_folder(named, journal=folder / ".j")
    assert stored(fake_dify) == {"renamed.md": "alpha"}


@pytest.mark.parametrize(
    ("contents", "told"),
    [
        ({"../a.md": b""}, "must be a relative path"),
        ({"/a.md": b""}, "must be a relative path"),
        ({"a\\b.md": b""}, "must be a relative path"),
        ({"": b""}, "must be a relative path"),
        ({"a\n.md": b""}, "must be a relative path"),
        ({"a.md": "text"}, "must be bytes or the Path of a file, got str"),
        (b"bytes", "must be a folder, or names with contents, got bytes"),
        (7, "must be a folder, or names with contents, got int"),
    ],
)
async def test_contents_are_checked(documents: Documents, tmp_path: Path, contents: Any, told: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=told):
        await documents.sync_folder(contents, journal=tmp_path / "journal")


async def test_contents_with_names_need_a_journal(documents: Documents) -> None:
    with pytest.raises(errors.ConfigurationError, match="pass `journal=`"):
        await documents.sync_folder({"a.md": b""})


async def test_long_names_stay_distinct(documents: Documents, fake_dify: FakeDify, tmp_path: Path) -> None:
    contents = {f"{'x' * 150}/{'y' * 100}/{number}/end.md": b"text" for number in range(2)}
    await documents.sync_folder(contents, journal=tmp_path / "journal")
    names = list(stored(fake_dify))
    assert len(names) == 2
    assert all(len(name) <= 200 and name.endswith("end.md") for name in names)


async def test_unknown_options_and_patterns_are_rejected(documents: Documents, folder: Path) -> None:
    with pytest.raises(TypeError, match="sync_folder"):
        await documents.sync_folder(folder, dleete=True)
    with pytest.raises(errors.ConfigurationError, match="`include` must be a list of patterns"):
        await documents.sync_folder(folder, include="*.md")
    with pytest.raises(
        errors.ConfigurationError, match="pattern of `include` must be a non-empty str, got ''"
    ):
        await documents.sync_folder(folder, include=[""])


@pytest.mark.parametrize(
    ("pattern", "included"),
    [
        ("*.md", ["a.md", "guides/b.md", "guides/de/c.md"]),
        ("**/*.md", ["a.md", "guides/b.md", "guides/de/c.md"]),
        ("/*.md", ["a.md"]),
        ("./*.md", ["a.md", "guides/b.md", "guides/de/c.md"]),
        ("guides/*", ["guides/b.md"]),
        ("guides/**", ["guides/b.md", "guides/de/c.md", "guides/de/d.txt"]),
        ("guides/", ["guides/b.md", "guides/de/c.md", "guides/de/d.txt"]),
        ("guides/**/*.md", ["guides/b.md", "guides/de/c.md"]),
        ("/guides/**/c.md", ["guides/de/c.md"]),
        ("/de/**", []),
        ("de/*", ["guides/de/c.md", "guides/de/d.txt"]),
        (".", ["a.md", "guides/b.md", "guides/de/c.md", "guides/de/d.txt"]),
        ("guides", []),
        ("A.MD", []),
    ],
)
async def test_include_and_exclude_patterns(
    documents: Documents, tmp_path: Path, pattern: str, included: list[str]
) -> None:
    contents = dict.fromkeys(("a.md", "guides/b.md", "guides/de/c.md", "guides/de/d.txt"), b"text")
    journal = tmp_path / "journal"
    report = await documents.sync_folder(contents, journal=journal, include=[pattern], dry_run=True)
    assert [change.path for change in report.changes] == included


async def test_a_long_path_that_is_not_unicode_is_an_error_of_that_file(
    documents: Documents, folder: Path
) -> None:
    deep = folder / ("x" * 150) / ("y" * 60)
    deep.mkdir(parents=True)
    try:
        (deep / os.fsdecode(b"caf\xe9.md")).write_text("text")
    except OSError:
        pytest.skip("this file system accepts only Unicode")
    report = await documents.sync_folder(folder, include=["y*/*"])
    [change] = report.changes
    assert isinstance(change.error, errors.ConfigurationError)
