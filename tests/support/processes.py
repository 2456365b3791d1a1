"""Programs that tests start as separate processes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], **settings: Any
) -> Iterator[subprocess.Popen[str]]:
    """Start a program, with `environment` added to that of this process; kill it if it is left running."""
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **settings,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
