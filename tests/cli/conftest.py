"""Fixtures for tests of commands: the command, configured for a FakeDify."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from dify_async.testing import FakeDify
from tests.support.command import Command
from tests.support.fork_server import ForkServer, fork_server


@pytest.fixture
def environment(fake_dify: FakeDify, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {
        "DIFY_API_KEY": fake_dify.api_key,
        "DIFY_BASE_URL": fake_dify.base_url,
        "DIFY_USER": "ada",
        "XDG_CONFIG_HOME": str(tmp_path_factory.mktemp("config")),
    }


@pytest.fixture(scope="session")
def commands() -> Iterator[ForkServer]:
    with fork_server() as commands:
        yield commands


@pytest.fixture
def dify(commands: ForkServer, environment: dict[str, str], tmp_path: Path) -> Command:
    """Run a command in an empty folder, without the variables that are None. Fail if it shows a traceback."""

    def run(*arguments: str, given: str = "", **more: str | None) -> subprocess.CompletedProcess[str]:
        variables = {**os.environ, **environment, **more}
        done = commands.run(
            *arguments,
            given=given,
            environment={name: value for name, value in variables.items() if value is not None},
            folder=tmp_path,
        )
        assert "Traceback" not in done.stderr
        assert "\x1b" not in done.stdout + done.stderr, "plain text if the output is not a terminal"
        return done

    return run
