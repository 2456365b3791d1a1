"""The command as a user starts it: a process of its own, with or without a terminal."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys

COMMAND = [sys.executable, "-m", "dify_async"]


def on_a_terminal(*arguments: str, **environment: str) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; give its exit code and what it showed."""
    main, other = pty.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environment}
    with subprocess.Popen(
        [*COMMAND, *arguments], stdin=other, stdout=other, stderr=other, env=variables
    ) as process:
        os.close(other)
        shown = b""
        while select.select([main], [], [], 60)[0]:
            try:
                part = os.read(main, 65536)
            except OSError:  # Linux says so when the other end has closed.
                break
            shown += part
        status = process.wait(timeout=60)
    os.close(main)
    return status, shown.decode()
