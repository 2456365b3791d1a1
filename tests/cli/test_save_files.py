"""Files of runs are saved with safe names, and no file is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest

from dify_async.cli.saved_files import safe_name
from dify_async.testing import FakeDify, Field, Workflow
from tests.support.command import Command, the_error


@pytest.fixture(autouse=True)
def app(fake_dify: FakeDify, tmp_path: Path) -> None:
    """A workflow that returns its input file."""
    fake_dify.workflow = Workflow(form=[Field("doc", "file")], outputs=lambda inputs: {"copy": inputs["doc"]})
    (tmp_path / "a.txt").write_text("first")


def test_files_of_a_run_are_saved(dify: Command, tmp_path: Path) -> None:
    for name in ("a.txt", "a-2.txt"):
        done = dify("run", "-i", "doc=@a.txt", "--save-files", "out")
        assert (done.returncode, the_error(done)) == (0, f"saved out/{name}")
        assert (tmp_path / "out" / name).read_text() == "first"
    failed = dify("run", "-i", "doc=@a.txt", "--save-files", "a.txt")
    assert failed.returncode == 2
    assert "--save-files: the folder 'a.txt' cannot be created" in the_error(failed)


def test_files_of_a_batch_are_saved_in_a_folder_for_each_row(dify: Command, tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_text("second")
    (tmp_path / "rows.csv").write_text("doc\na.txt\nb.txt\n")
    done = dify("batch", "rows.csv", "-o", "out.jsonl", "--save-files", "files")
    assert done.returncode == 0
    saved = {str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.glob("files/*/*")}
    assert saved == {"files/row-1/a.txt": "first", "files/row-2/b.txt": "second"}


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("a\x1b[2Jb.txt", "a_[2Jb.txt"),
        ("a\u202etxt.exe\u2028\ud83d", "a_txt.exe__"),
        ("C:\\x.exe", "C__x.exe"),
        ("明天.pdf", "明天.pdf"),
        ("x" * 300 + ".pdf", "x" * 200 + ".pdf"),
    ],
)
def test_names_of_files_are_safe(name: str, safe: str) -> None:
    assert safe_name(name) == safe
