"""Run the command in forks of a process that has already imported it, which takes a tenth of the time."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

from dify_async.cli import app, main
from tests.support.limits import HANGS_AFTER

_ROOT = Path(__file__).parents[2]


@attrs.frozen
class ForkServer:
    """A process that starts commands."""

    _requests: socket.socket

    def run(
        self, *arguments: str, given: str, environment: Mapping[str, str], folder: Path
    ) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, with a text on its standard input."""
        with _text_file() as stdin, _text_file() as stdout, _text_file() as stderr:
            stdin.write(given)
            stdin.flush()
            stdin.seek(0)
            request = {"arguments": arguments, "environment": dict(environment), "folder": str(folder)}
            files = [file.fileno() for file in (stdin, stdout, stderr)]
            socket.send_fds(self._requests, [json.dumps(request).encode()], files)
            code = int(self._requests.recv(64))
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(arguments, code, stdout.read(), stderr.read())


def _text_file() -> IO[str]:
    return tempfile.TemporaryFile("w+", encoding="utf-8")


@contextmanager
def fork_server() -> Iterator[ForkServer]:
    """Start a process that starts commands."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.settimeout(HANGS_AFTER)
    with ours, theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(theirs.fileno())],
            cwd=_ROOT,
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        try:
            yield ForkServer(ours)
        finally:
            process.kill()
            process.wait()


def _return_in_forks(requests: socket.socket) -> None:
    """Fork for each request, and send the exit code of the fork; return in the fork."""
    while True:
        data, files, _, _ = socket.recv_fds(requests, 2**20, 3)
        if not data:
            os._exit(0)
        child = os.fork()
        if child == 0:
            requests.close()
            _become(json.loads(data), files)
            return
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        requests.send(str(os.waitstatus_to_exitcode(status)).encode())


def _become(request: dict[str, object], files: list[int]) -> None:
    """Take over files, environment, folder and arguments of a request."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    environment, folder, arguments = request["environment"], request["folder"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(folder, str)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    sys.argv[1:] = arguments


if __name__ == "__main__":
    assert app.main  # Imported here, so that forks do not import it again.
    _return_in_forks(socket.socket(fileno=int(sys.argv[1])))
    main()
