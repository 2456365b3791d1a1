"""What the tests of commands share: the command, set up for a FakeDify."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from dify_async.testing import FakeDify
from tests.support.command import COMMAND, Command
from tests.support.limits import HANGS_AFTER


@pytest.fixture
def environment(fake_dify: FakeDify) -> dict[str, str]:
    return {"DIFY_API_KEY": fake_dify.api_key, "DIFY_BASE_URL": fake_dify.base_url, "DIFY_USER": "ada"}


@pytest.fixture
def dify(environment: dict[str, str], tmp_path: Path) -> Command:
    """Run a command in an empty folder; whatever it does, it shows no traceback."""

    def run(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*COMMAND, *arguments],
            env={**os.environ, **environment, **more},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HANGS_AFTER,
            check=False,
        )
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr, "plain, where it is no terminal"
        return done

    return run
