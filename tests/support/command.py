"""The command in its own process, with or without a terminal."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

COMMAND = [sys.executable, "-m", "dify_async"]

CONTROLLED = [
    sys.executable,
    "-c",
    "import os, sys; os.login_tty(0); os.execv(sys.executable, [sys.executable, '-m', 'dify_async', *sys.argv[1:]])",
]
"""The command as a shell starts it: its terminal sends signals, such as that of Ctrl-C."""

_PATIENCE = 2.0
"""Seconds after which a person presses a key again."""

Command = Callable[..., "subprocess.CompletedProcess[str]"]


def on_a_terminal(
    *arguments: str,
    typed: str | Sequence[str] = (),
    at: str | Sequence[str] = (),
    is_controlling: bool = False,
    **environment: str,
) -> tuple[int, str]:
    """Run the command on a pseudo-terminal; return its exit code and what it showed.

    Each text `typed` is entered when the terminal shows the text of `at` in its place, after what was there
    before. Keys such as Ctrl-C send signals only if the terminal `is_controlling`.
    """
    entries = list(zip(_several(typed), _several(at), strict=True))
    main, other = pty.openpty()
    variables = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "40", **environment}
    with subprocess.Popen(
        [*(CONTROLLED if is_controlling else COMMAND), *arguments],
        stdin=other,
        stdout=other,
        stderr=other,
        env=variables,
    ) as process:
        os.close(other)
        try:
            shown = _typed(main, entries)
            status = process.wait(HANGS_AFTER)
        finally:
            process.kill()
    os.close(main)
    return status, shown.decode()


def _typed(terminal: int, entries: list[tuple[str, str]]) -> bytes:
    """Enter each text when the terminal shows its prompt; return everything that was shown."""
    shown = b""
    seen = 0
    key = b""
    deadline = time.monotonic() + HANGS_AFTER
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], _PATIENCE)[0]:
            # CPython loses a signal that arrives between the prompt of `readline` and its wait for a key, so
            # it is sent again, as a person would press Ctrl-C again.
            if key == b"\x03" and not entries:
                os.write(terminal, key)
            continue
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux raises it when the other end is closed.
            break
        shown += part
        while entries and (found := shown.find(entries[0][1].encode(), seen)) >= 0:
            seen = found + len(entries[0][1].encode())
            key = entries.pop(0)[0].encode()
            os.write(terminal, key)
    return shown


def _several(texts: str | Sequence[str]) -> Sequence[str]:
    return (texts,) if isinstance(texts, str) else texts


def the_error(done: subprocess.CompletedProcess[str]) -> str:
    """Return the single line of an error."""
    assert done.stderr.startswith("dify-async: ")
    assert done.stderr.count("\n") == 1
    return done.stderr.strip().removeprefix("dify-async: ")


def interrupted(environment: dict[str, str], *arguments: str, at: str) -> tuple[int, str]:
    """Press Ctrl-C when a line arrives; return the exit code and the output."""
    with running([*COMMAND, *arguments], environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while at not in process.stdout.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
        return process.wait(HANGS_AFTER), said
