"""The pytest plugin: the fixture, its marker, and unused faults."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dify_async.testing import Chat, FakeDify

TESTS = """
import urllib.request

import pytest

from dify_async.testing import Cut, Refuse


def test_an_unused_fault_fails_the_test(fake_dify):
    fake_dify.faults.append(Cut(after_events=3))


def test_an_unused_fault_after_a_failure_is_not_reported(fake_dify):
    fake_dify.faults.append(Cut(after_events=3))
    assert False, "its own failure"


def test_a_used_fault_passes(fake_dify):
    fake_dify.faults.append(Refuse(status=404, on="/info", times=5))
    with pytest.raises(OSError, match="404"):
        urllib.request.urlopen(fake_dify.base_url + "/info")


@pytest.fixture
def fake_dify_version():
    return "1.15"


def test_the_version_option(fake_dify):
    assert fake_dify.version == "1.15.0"
"""


@pytest.mark.fake_dify(version="1.16", app=Chat(), max_active_requests=3)
def test_the_marker_passes_settings(fake_dify: FakeDify) -> None:
    assert fake_dify.version == "1.16.1"
    assert fake_dify.app == Chat()
    assert fake_dify.max_active_requests == 3
    assert fake_dify.tail == 0


def test_a_test_with_unused_faults_fails(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["dify_async.testing"]\n')
    (tmp_path / "test_it.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "no:cacheprovider",
        "-q",
        "--strict-markers",
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert "2 failed, 2 passed" in done.stdout
    assert "no request met these faults of fake_dify: Cut(after_events=3)" in done.stdout
    assert "its own failure" in done.stdout
    assert "error" not in done.stdout.splitlines()[-1]
