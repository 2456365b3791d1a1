"""The command `batch`, as users run it: real processes against a FakeDify."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Workflow
from tests.support.command import COMMAND, Command, on_a_terminal, the_error
from tests.support.faults import GONE
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

FORM = [
    Field("city", required=True, max_length=10),
    Field("days", "number"),
    Field("doc", "file", allowed_file_types=["document"]),
]


def echo(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"city": inputs.get("city"), "days": inputs.get("days")}


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0.0
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", tokens=5)], outputs=echo)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.csv"
    path.write_text("city,days,note\nLisbon,1,a\nPorto,2,b\nFaro,,c\n")
    return path


def results(path: Path) -> dict[str, dict[str, Any]]:
    """Return the lines of a results file, by city."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    return {line["inputs"]["city"]: line for line in lines}


@pytest.mark.usefixtures("rows")
def test_a_run_for_each_row(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    done = dify("batch", "rows.csv", "-c", "2", "-o", "results.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    lines = done.stderr.splitlines()
    assert lines[0] == "dify-async: ignored columns (not inputs of the app): note"
    assert lines[1].startswith("3 of 3 rows: 3 done, 0 failed, 0 in flight, ")
    assert lines[2:6] == ["rows\t3", "succeeded\t3", "tokens\t15", lines[5]]
    found = results(tmp_path / "results.jsonl")
    assert sorted(found) == ["Faro", "Lisbon", "Porto"]
    porto = found["Porto"]
    assert porto["workflow_run_id"] in fake_dify.runs
    assert {
        key: porto[key] for key in ("row", "inputs", "status", "outputs", "error", "total_tokens", "attempts")
    } == {
        "row": 2,
        "inputs": {"city": "Porto", "days": 2},
        "status": "succeeded",
        "outputs": {"city": "Porto", "days": 2},
        "error": None,
        "total_tokens": 5,
        "attempts": 1,
    }
    assert found["Faro"]["outputs"] == {"city": "Faro", "days": None}
    assert {run.user for run in fake_dify.runs.values()} == {"ada"}


def test_results_are_printed_without_an_output_file(dify: Command, rows: Path) -> None:
    rows.write_bytes("City\n里斯本\n".encode("gbk"))
    done = dify("batch", "rows.csv", "--column", "city=City", "--adaptive")
    assert done.returncode == 0
    assert json.loads(done.stdout)["outputs"] == {"city": "里斯本", "days": None}
    assert "reading it as GBK" in done.stderr.splitlines()[0]


def test_file_paths_are_relative_to_the_rows_file(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "q3.pdf").write_bytes(b"%PDF")
    lines = [
        {"city": "a", "doc": "q3.pdf"},
        {"city": "c", "doc": "https://e.com/x.pdf"},
    ]
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, lines)))
    done = dify("batch", "folder/rows.jsonl", "-o", "results.jsonl")
    found = results(tmp_path / "results.jsonl")
    assert done.returncode == 0
    assert [found[city]["status"] for city in "ac"] == ["succeeded", "succeeded"]
    assert found["a"]["inputs"]["doc"] == "folder/q3.pdf"
    assert [file.content for file in fake_dify.files.values()] == [b"%PDF"]


def test_resume_runs_missing_and_failed_rows(
    dify: Command, fake_dify: FakeDify, rows: Path, tmp_path: Path
) -> None:
    rows.write_text("city\nLisbon\nPorto\nA name that is too long\n")
    fake_dify.faults.append(Refuse(status=500, times=1))
    first = dify("batch", "rows.csv", "-c", "1", "-o", "results.jsonl")
    assert (first.returncode, fake_dify.runs_started) == (1, 1)
    assert "row 1 ServerError: 500" in first.stderr
    assert "row 3 ConfigurationError: the inputs do not match the app's form" in first.stderr
    assert "the same command with --retry-failed runs only those" in first.stderr
    rejected = dify("batch", "rows.csv", "-o", "results.jsonl")
    assert rejected.returncode == 2
    assert "'results.jsonl' exists already: pass --resume to continue it" in the_error(rejected)
    rows.write_text("city\nLisbon\nPorto\nFaro\n")
    again = dify("batch", "rows.csv", "-o", "results.jsonl", "--resume")
    assert (again.returncode, fake_dify.runs_started) == (0, 3)
    found = results(tmp_path / "results.jsonl")
    assert {city: line["attempts"] for city, line in found.items()} == {"Lisbon": 1, "Porto": 1, "Faro": 1}


def test_resume_continues_interrupted_runs(dify: Command, fake_dify: FakeDify, rows: Path) -> None:
    rows.write_text("city\nLisbon\n")
    fake_dify.faults += [Cut(after_events=2), GONE]
    assert dify("batch", "rows.csv", "-o", "results.jsonl").returncode == 3
    fake_dify.faults.clear()
    assert dify("batch", "rows.csv", "-o", "results.jsonl", "--resume").returncode == 0
    assert fake_dify.runs_started == 1


def start(
    environment: dict[str, str], folder: Path, *arguments: str
) -> AbstractContextManager[subprocess.Popen[str]]:
    return running([*COMMAND, "batch", "rows.csv", *arguments], environment, cwd=folder)


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_batch_continues(
    environment: dict[str, str], fake_dify: FakeDify, dify: Command, rows: Path, end: signal.Signals
) -> None:
    rows.write_text("city\n" + "".join(f"Town {number}\n" for number in range(9)))
    output = rows.with_name("results.jsonl")
    slow = Workflow(form=FORM, nodes=[Node("Think", seconds=60)], outputs=echo)

    def three_done() -> bool:
        return output.exists() and output.read_text().count("\n") == 3

    def slow_from_now_on(inputs: dict[str, Any]) -> dict[str, Any]:
        if fake_dify.runs_started == 3:
            fake_dify.workflow = slow
        return echo(inputs)

    fake_dify.workflow = Workflow(form=FORM, outputs=slow_from_now_on)
    with start(environment, rows.parent, "-c", "1", "-o", "results.jsonl", "--report", "r.html") as process:
        assert fake_dify.wait_for(lambda: three_done() and fake_dify.runs_started == 4, HANGS_AFTER)
        process.send_signal(end)
        _, stderr = process.communicate(timeout=HANGS_AFTER)
    assert "Traceback" not in stderr
    if end is signal.SIGINT:
        assert (process.returncode, fake_dify.runs_stopped) == (130, 1)
        assert "interrupted; the runs in flight were stopped; the same command with --resume" in stderr
        assert "not run\t6" in stderr
        assert "not run: 6" in rows.with_name("r.html").read_text()
    fake_dify.workflow = Workflow(form=FORM, outputs=echo)
    for run in fake_dify.runs.values():
        run.stop()
    done = dify("batch", "rows.csv", "-o", "results.jsonl", "--resume")
    assert done.returncode == 0
    assert sorted(results(output)) == [f"Town {number}" for number in range(9)]
    assert fake_dify.runs_started == 10, "the run in flight was stopped, so it is started again"


def test_runs_that_could_not_be_stopped_are_reported(
    environment: dict[str, str], fake_dify: FakeDify, rows: Path
) -> None:
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", seconds=60)])
    fake_dify.faults.append(Refuse(status=500, on="/stop", times=9))
    with start(environment, rows.parent, "-o", "results.jsonl") as process:
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 3, HANGS_AFTER)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode == 130
    assert "the run was not stopped: 500 internal_server_error" in stderr
    assert "dify-async: interrupted; the same command with --resume runs what is missing" in stderr


def test_an_exhausted_quota_stops_the_batch_and_it_can_be_resumed(
    dify: Command, fake_dify: FakeDify, rows: Path
) -> None:
    fake_dify.faults.append(Refuse(status=429, code="rate_limit_error", times=9))
    rows.write_text("city\n" + "x\n" * 50)
    done = dify("batch", "rows.csv", "-c", "2", "-o", "results.jsonl")
    assert done.returncode == 1
    assert "dify-async: stopped: " in done.stderr
    assert "with --resume runs what is missing" in done.stderr
    assert fake_dify.runs_started == 0


def test_a_second_batch_with_the_same_journal_is_rejected(
    environment: dict[str, str], fake_dify: FakeDify, dify: Command, rows: Path
) -> None:
    rows.write_text("city\nx\n")
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", seconds=60)])
    with start(environment, rows.parent, "-o", "results.jsonl") as process:
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 1, HANGS_AFTER)
        second = dify("batch", "rows.csv", "-o", "results.jsonl", "--resume")
        assert (second.returncode, "in use by another batch" in the_error(second)) == (2, True)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=HANGS_AFTER)
    assert fake_dify.runs_started == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["none.csv"], "No such file"),
        (["rows.csv", "--column", "city=City"], "there is no column 'City'; columns: city, days, note"),
        (["rows.csv", "--column", "town=city"], "the app has no input 'town'"),
        (["rows.csv", "--column", "town"], "INPUT=COLUMN"),
        (["rows.csv", "--resume"], "pass it with -o"),
        (["rows.csv", "--retry-failed"], "--retry-failed needs the file of the earlier results"),
        (["rows.csv", "-o", "none.jsonl", "--retry-failed"], "'none.jsonl' does not exist"),
        (["rows.csv", "--keep", "town"], "--keep: there is no column 'town'; columns: city, days, note"),
        (["rows.csv", "-o", "rows.csv"], "overwrite the rows"),
        (["rows.csv", "-o", "none/results.jsonl"], "cannot be opened: No such file"),
        (["rows.csv", "-o", ""], "the folder '.'"),
        (["rows.csv", "-o", "kept.jsonl", "--resume"], "would be overwritten"),
        (["rows.csv", "--report", "./rows.csv"], "the report would overwrite the rows"),
        (["rows.csv", "-o", "r", "--report", "r"], "the report would overwrite the results"),
        (["rows.csv", "-o", "r", "--report", "r.journal"], "the report would overwrite the journal"),
        (["rows.csv", "-c", "0"], "'--concurrency'"),
        (["rows.csv", "--encoding", "klingon"], "no encoding 'klingon'"),
        (["rows.csv", "--api-key", "app-wrong"], "401"),
    ],
)
def test_arguments_that_are_rejected_before_the_first_run(
    dify: Command, fake_dify: FakeDify, rows: Path, arguments: list[str], sentence: str
) -> None:
    rows.with_name("kept.jsonl").write_text("precious")
    before = rows.read_text()
    fake_dify.workflow = Workflow(form=[*FORM[:2], Field("note")])
    done = dify("batch", *arguments)
    assert done.returncode == 2
    assert sentence in the_error(done)
    assert (done.stdout, fake_dify.runs_started) == ("", 0)
    assert (rows.read_text(), rows.with_name("kept.jsonl").read_text()) == (before, "precious")


def test_a_full_disk_is_reported_and_the_batch_can_be_resumed(
    dify: Command, environment: dict[str, str], fake_dify: FakeDify, rows: Path
) -> None:
    rows.write_text("city\n" + "".join(f"T {number}\n" for number in range(9)))
    output = rows.with_name("results.jsonl")
    command = shlex.join([*COMMAND, "batch", "rows.csv", "-c", "1", "-o", "results.jsonl"])
    done = subprocess.run(
        f"ulimit -f 2; {command}",
        shell=True,
        env={**os.environ, **environment},
        cwd=rows.parent,
        capture_output=True,
        text=True,
        timeout=HANGS_AFTER,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert re.search(r"stopped: 'results.*' cannot be written: File too large; .* --resume", done.stderr)
    assert dify("batch", "rows.csv", "-o", "results.jsonl", "--resume").returncode == 0
    assert len(results(output)) == 9
    assert fake_dify.runs_started <= 10


@pytest.mark.usefixtures("rows")
def test_a_full_disk_behind_standard_output_is_reported(environment: dict[str, str], tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*COMMAND, "batch", "rows.csv"],
            env={**os.environ, **environment},
            cwd=tmp_path,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=HANGS_AFTER,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.endswith("dify-async: the output cannot be written: No space left on device\n")


def test_a_missing_column_is_reported_before_the_first_run(
    dify: Command, fake_dify: FakeDify, rows: Path
) -> None:
    rows.write_text("City,days\nx,1\n")
    done = dify("batch", "rows.csv", "-o", "results.jsonl")
    assert done.returncode == 2
    assert "Pass --column city=City to use a column with a different name" in the_error(done)
    assert fake_dify.runs_started == 0
    assert not rows.with_name("results.jsonl").exists()


def test_exit_codes_of_batches(dify: Command, fake_dify: FakeDify, rows: Path) -> None:
    rows.write_text("city\nx\ny\n")
    for nodes, code in (
        ([Node("Boom", error="it broke")], 1),
        ([Node("Boom", error="it broke", caught=True)], 0),
        ([Node("Ask", form="Sure?")], 4),
    ):
        fake_dify.workflow = Workflow(form=FORM, nodes=nodes)
        assert dify("batch", "rows.csv").returncode == code
    assert dify("batch", "rows.csv", DIFY_BASE_URL="http://127.0.0.1:1").returncode == 3


def test_the_report_is_a_self_contained_page(dify: Command, fake_dify: FakeDify, rows: Path) -> None:
    rows.write_text("city,days\n" + "".join(f"T {number},{number}\n" for number in range(30)) + "x,<b>&\n")
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", tokens=7)], outputs=echo)
    assert dify("batch", "rows.csv", "--report", "report.html").returncode == 2
    page = rows.with_name("report.html").read_text()
    assert len(page) < 50_000
    assert not re.search(r"https?://|src=|@import", page)
    pictures = [ET.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", page)]
    assert [picture.get("aria-label") for picture in pictures] == [
        "rows by status",
        "rows by s",
        "rows by tokens",
    ]
    titles = [[title.text for title in picture.iter("title")] for picture in pictures]
    assert titles[0] == ["succeeded: 30", "ConfigurationError: 1"]
    assert sum(int(title.split(": ")[1].split()[0]) for title in titles[1] if title) == 30
    assert titles[2] == ["7 to 7.33 tokens: 30 rows"]
    assert [text.text for text in pictures[2].iter("text")][-5:] == ["0", "2", "4", "6", "8 tokens"]
    assert "days must be a number, got &#x27;&lt;b&gt;&amp;&#x27;" in page
    assert "<small>rows 31</small>" in page


def test_the_report_of_many_rows_is_small_and_complete(
    dify: Command, fake_dify: FakeDify, rows: Path
) -> None:
    wrong = "x" * 5000
    rows.write_text("city,days\nx,1\n" + f"y,{wrong}\n" * 150)
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", tokens=4321)])
    done = dify("batch", "rows.csv", "-o", "results.jsonl", "--report", "report.html")
    page = rows.with_name("report.html").read_text()
    assert len(page) < 20_000, "failures of one kind are one line"
    assert "<td class=n>150</td>" in page
    assert "<small>rows 2-151</small>" in page
    assert max(map(len, done.stderr.splitlines())) < 500
    assert wrong in results(rows.with_name("results.jsonl"))["y"]["error"], (
        "the file has the complete message"
    )
    assert "median 4,321 tokens" in page
    assert "95 % within 4,321 tokens" in page


def test_a_report_that_cannot_be_written_loses_no_result(dify: Command, rows: Path) -> None:
    rows.write_text("city\nx\n")
    done = dify("batch", "rows.csv", "-o", "results.jsonl", "--report", "none/report.html")
    assert done.returncode == 0
    assert "the report cannot be written to 'none/report.html'" in done.stderr
    assert len(results(rows.with_name("results.jsonl"))) == 1


def test_a_batch_on_a_terminal_has_live_progress(
    environment: dict[str, str], fake_dify: FakeDify, rows: Path
) -> None:
    rows.write_text("city\n" + "x\n" * 20 + "much too long a name\n")
    fake_dify.workflow = Workflow(form=FORM, nodes=[Node("Think", seconds=0.1)])
    output = str(rows.with_name("results.jsonl"))
    code, shown = on_a_terminal("batch", str(rows), "-c", "4", "-o", output, **environment)
    assert code == 2
    assert re.search(
        r"\d+ of 21 rows: \d+ done, \d failed, 4 in flight, [\d.]+ rows/s, \d+ tokens, \d:\d\d left", shown
    )
    assert "━" in shown
    assert "row 21 ConfigurationError" in shown
    assert "succeeded" in shown


def test_a_row_with_values_that_a_request_cannot_contain(
    dify: Command, fake_dify: FakeDify, tmp_path: Path
) -> None:
    (tmp_path / "rows.jsonl").write_text(
        '{"city": "\\ud800"}\n{"city": "a", "days": 123456789012345678901234567890}\n{"city": "b"}'
    )
    done = dify("batch", "rows.jsonl", "-o", "results.jsonl")
    assert done.returncode in {1, 2}
    lines = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert sorted(line["row"] for line in lines) == [1, 2, 3]
    assert lines[[line["row"] for line in lines].index(1)]["inputs"] == {"city": "\ud800"}
    assert fake_dify.runs_started >= 1


@pytest.mark.usefixtures("rows")
def test_the_key_is_in_no_written_file(dify: Command, fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.faults.append(Refuse(status=500, message=f"no {fake_dify.api_key}"))
    done = dify(
        "batch", "rows.csv", "-o", "results.jsonl", "--report", "report.html", "--api-key", fake_dify.api_key
    )
    written = "".join(path.read_text() for path in tmp_path.iterdir())
    assert "no ***" in written
    assert fake_dify.api_key not in done.stdout + done.stderr + written
