"""The commands for knowledge bases as users run them: real processes against a FakeDify."""

from __future__ import annotations

import json
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dify_async.testing import Delay, FakeDataset, FakeDify, Indexing, Refuse
from tests.support.command import COMMAND, Command, on_a_terminal, the_error
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running


@pytest.fixture
def environment(fake_dify: FakeDify, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "DIFY_KNOWLEDGE_API_KEY": fake_dify.knowledge.api_key,
        "DIFY_BASE_URL": fake_dify.base_url,
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
    }


@pytest.fixture
def handbook(fake_dify: FakeDify) -> FakeDataset:
    fake_dify.knowledge.indexing = Indexing(polls=0)
    rule = {"mode": "automatic"}
    return fake_dify.knowledge.add("handbook", indexing_technique="economy", rule=rule)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    (folder / "guides").mkdir(parents=True)
    (folder / "a.md").write_text("alpha")
    (folder / "guides" / "b.md").write_text("beta")
    return folder


def lines(done: subprocess.CompletedProcess[str]) -> list[Any]:
    """Return the lines of JSON."""
    return [json.loads(line) for line in done.stdout.splitlines()]


def names(dataset: FakeDataset) -> list[str]:
    return sorted(document.name for document in dataset.documents.values())


def test_list_and_create(dify: Command, fake_dify: FakeDify) -> None:
    created = dify("kb", "create", "handbook", "--indexing-technique", "economy", "--description", "d")
    (dataset,) = fake_dify.knowledge.datasets.values()
    assert (created.returncode, created.stdout) == (0, f"{dataset.id}\n")
    assert (dataset.name, dataset.indexing_technique, dataset.description) == ("handbook", "economy", "d")
    fake_dify.knowledge.add("other")
    assert (
        dify("kb", "list").stdout
        == f"{fake_dify.knowledge.datasets[1].id}\tother\t0\t\n{dataset.id}\thandbook\t0\teconomy\n"
    )
    shown = lines(dify("kb", "list", "--keyword", "hand", "--json"))
    assert [(one["name"], one["document_count"]) for one in shown] == [("handbook", 0)]


def test_a_name_that_exists_is_rejected(dify: Command, handbook: FakeDataset) -> None:
    done = dify("kb", "create", handbook.name)
    assert done.returncode == 2
    assert "already exists" in the_error(done)


def test_upload_prints_a_line_for_each_file(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    done = dify("kb", "upload", "handbook", str(docs / "a.md"), str(docs / "guides" / "b.md"), "--wait")
    assert (done.returncode, done.stderr) == (0, "dify-async: 2 documents can be searched\n")
    printed = sorted(line.split("\t")[1] for line in done.stdout.splitlines())
    assert printed == [str(docs / "a.md"), str(docs / "guides" / "b.md")]
    assert names(handbook) == ["a.md", "b.md"]


def test_upload_reports_which_files_failed(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    done = dify("kb", "upload", handbook.id, str(docs / "a.md"), str(docs / "missing.md"), "--json")
    assert done.returncode == 1
    found = {Path(line["file"]).name: line["error"] for line in lines(done)}
    assert found["a.md"] is None
    assert "missing.md" in found["missing.md"]
    assert "missing.md" in the_error(done)


def test_settings_of_a_first_document(dify: Command, fake_dify: FakeDify, docs: Path) -> None:
    fake_dify.knowledge.add("new")
    done = dify("kb", "upload", "new", str(docs / "a.md"))
    assert done.returncode == 1
    assert "--indexing-technique" in the_error(done)
    rule = json.dumps({"mode": "custom", "rules": {"segmentation": {"separator": "p", "max_tokens": 9}}})
    options = ["--indexing-technique", "economy", "--process-rule"]
    done = dify("kb", "upload", "new", str(docs / "a.md"), *options, rule)
    assert done.returncode == 0
    (document,) = fake_dify.knowledge.documents
    assert [segment.content for segment in document.segments.values()] == ["al", "ha"]
    done = dify("kb", "upload", "new", str(docs / "a.md"), *options, "[1]")
    assert (done.returncode, "--process-rule must be automatic or a JSON object" in the_error(done)) == (
        2,
        True,
    )
    assert dify("kb", "sync", "new", str(docs), *options, "automatic").returncode == 0


def test_sync_keeps_a_folder(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    plan = dify("kb", "sync", "handbook", str(docs), "--dry-run")
    assert sorted(plan.stdout.splitlines()) == ["to create\ta.md\t", "to create\tguides/b.md\t"]
    assert (plan.returncode, plan.stderr, names(handbook)) == (0, "dify-async: 2 to create\n", [])
    first = dify("kb", "sync", "handbook", str(docs), "--wait")
    assert first.stderr == "dify-async: 2 created\ndify-async: 2 documents can be searched\n"
    assert names(handbook) == ["a.md", "guides - b.md"]
    (docs / "a.md").write_text("changed")
    (docs / "guides" / "b.md").unlink()
    second = dify("kb", "sync", "handbook", str(docs), "--delete", "--json")
    assert second.stderr == "dify-async: 1 updated, 1 deleted\n"
    assert sorted((line["action"], line["path"], line["error"]) for line in lines(second)) == [
        ("delete", "guides/b.md", None),
        ("update", "a.md", None),
    ]
    third = dify("kb", "sync", "handbook", str(docs))
    assert (third.stdout, third.stderr) == ("", "dify-async: 1 unchanged\n")


def test_sync_accepts_patterns_and_a_journal(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    (docs / "setup.exe").write_bytes(b"MZ")
    done = dify("kb", "sync", "handbook", str(docs), "--include", "*.md", "--journal", "journal.jsonl")
    assert (done.returncode, names(handbook)) == (0, ["a.md", "guides - b.md"])
    assert len((docs.parent / "journal.jsonl").read_text().splitlines()) == 4
    assert not list(docs.glob(".*"))


def test_files_that_fail_are_reported(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    (docs / "setup.exe").write_bytes(b"MZ")
    done = dify("kb", "sync", "handbook", str(docs))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("dify-async: setup.exe: 400 invalid_param")
    assert done.stderr.splitlines()[-1] == "dify-async: 2 created, 1 failed"


def test_documents_that_are_not_indexed_are_a_failure(
    dify: Command, fake_dify: FakeDify, handbook: FakeDataset, docs: Path
) -> None:
    fake_dify.knowledge.indexing_of["a.md"] = Indexing(polls=0, error="no \x1b[31mquota")
    done = dify("kb", "sync", "handbook", str(docs), "--wait")
    assert done.returncode == 1
    assert "not all of 2 documents were indexed: 1 failed: no \\x1b[31mquota" in done.stderr


def test_the_next_sync_finishes_a_killed_one(
    dify: Command,
    fake_dify: FakeDify,
    environment: dict[str, str],
    handbook: FakeDataset,
    docs: Path,
) -> None:
    for number in range(10):
        (docs / f"{number}.md").write_text(f"text {number}")
    fake_dify.faults.append(Delay(on="/create-by-file", seconds=0.05, times=5))
    with running([*COMMAND, "kb", "sync", "handbook", str(docs)], environment) as process:
        assert fake_dify.wait_for(lambda: len(handbook.documents) >= 3, HANGS_AFTER)
        process.send_signal(signal.SIGKILL)
        process.wait(HANGS_AFTER)
    fake_dify.faults.clear()
    assert dify("kb", "sync", "handbook", str(docs)).returncode == 0
    assert len(names(handbook)) == len(set(names(handbook))) == 12


def test_search_shows_chunks(dify: Command, fake_dify: FakeDify, handbook: FakeDataset, docs: Path) -> None:
    dify("kb", "sync", "handbook", str(docs))
    assert dify("kb", "search", "handbook", "Alpha").stdout == "1.00\ta.md\talpha\n"
    method = ["--method", "keyword_search", "--top-k", "1"]
    assert dify("kb", "search", "handbook", "alpha beta", *method).stdout.startswith("0.00\t")
    (request,) = [one for one in fake_dify.requests if one.path.endswith("/retrieve")][-1:]
    assert request.json()["retrieval_model"]["top_k"] == 1
    found = json.loads(dify("kb", "search", "handbook", "beta", "--json").stdout)
    assert [record["segment"]["content"] for record in found["records"]] == ["beta"]
    assert dify("kb", "search", "handbook", "gamma").stdout == ""


def test_delete(dify: Command, fake_dify: FakeDify, handbook: FakeDataset, docs: Path) -> None:
    dify("kb", "sync", "handbook", str(docs))
    one = handbook.documents[0]
    assert dify("kb", "delete", "handbook", "--document", one.id).returncode == 0
    assert one.id not in handbook.documents
    done = dify("kb", "delete", "handbook")
    assert (done.returncode, "pass --yes" in the_error(done)) == (2, True)
    assert len(fake_dify.knowledge.datasets) == 1
    done = dify("kb", "delete", "handbook", "--yes")
    assert (done.returncode, done.stderr) == (0, "dify-async: deleted the knowledge base 'handbook'\n")
    assert len(fake_dify.knowledge.datasets) == 0


@pytest.mark.parametrize(("typed", "code", "left"), [("n\n", 2, 1), ("y\n", 0, 0)])
def test_delete_asks_on_a_terminal(
    fake_dify: FakeDify, environment: dict[str, str], handbook: FakeDataset, typed: str, code: int, left: int
) -> None:
    status, shown = on_a_terminal("kb", "delete", handbook.name, typed=typed, at="[y/N]", **environment)
    assert (status, len(fake_dify.knowledge.datasets)) == (code, left)
    assert "Delete 'handbook' with 0 documents?" in shown


def test_progress_is_shown_on_a_terminal(
    environment: dict[str, str], handbook: FakeDataset, docs: Path
) -> None:
    status, shown = on_a_terminal("kb", "sync", "handbook", str(docs), "--wait", **environment)
    assert (status, names(handbook)) == (0, ["a.md", "guides - b.md"])
    assert "files" in shown
    assert "2 documents can be searched" in shown


def test_unknown_and_ambiguous_names(dify: Command, fake_dify: FakeDify) -> None:
    done = dify("kb", "search", "handbook", "x")
    assert (done.returncode, "no knowledge base is named 'handbook'" in the_error(done)) == (2, True)
    for _ in range(2):
        fake_dify.knowledge.add("handbook")
    done = dify("kb", "search", "handbook", "x")
    assert (done.returncode, "2 knowledge bases are named 'handbook'" in the_error(done)) == (2, True)


def test_the_key_comes_from_the_environment_or_a_profile(
    dify: Command, fake_dify: FakeDify, handbook: FakeDataset
) -> None:
    done = dify("kb", "list", DIFY_KNOWLEDGE_API_KEY=None)
    assert (done.returncode, "DIFY_KNOWLEDGE_API_KEY" in the_error(done)) == (2, True)
    key = fake_dify.knowledge.api_key
    dify("profile", "add", "work", "--base-url", fake_dify.base_url, "--knowledge-api-key", key)
    nothing = {"DIFY_KNOWLEDGE_API_KEY": None, "DIFY_BASE_URL": None}
    assert handbook.id in dify("kb", "list", "--profile", "work", **nothing).stdout
    done = dify("kb", "list", DIFY_KNOWLEDGE_API_KEY="app-0123456789")
    assert done.returncode == 2
    assert "app-0123456789" not in done.stderr


def test_an_unreachable_server_is_reported(dify: Command, handbook: FakeDataset, docs: Path) -> None:
    for arguments in (["list"], ["sync", handbook.id, str(docs)]):
        assert dify("kb", *arguments, DIFY_BASE_URL="http://127.0.0.1:9").returncode == 3


def test_a_wrong_key_is_reported(
    dify: Command, fake_dify: FakeDify, handbook: FakeDataset, docs: Path
) -> None:
    fake_dify.faults.append(Refuse(on="/create-by-file", status=401, code="unauthorized", times=9))
    done = dify("kb", "sync", "handbook", str(docs), "-c", "1")
    assert done.returncode == 2
    assert "unauthorized" in done.stderr
    fake_dify.faults.clear()
