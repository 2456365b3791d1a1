"""The server that all clients talk to: one process, prepared bytes, so it adds nothing to their CPU time.

    python -m benchmarks._server

It prints its port. `POST /v1/workflows/run` starts a run, described by its inputs:

- `events`: the number of events. All of them are sent at once, as fast as the client reads.
- `size`: characters in each piece of text, for large events.
- `rate`: send the events one by one, so many per second.
- `hold`: send the start of the run and its first text, then wait for `POST /v1/release`. All further events
  are texts.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks import _content

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_PART: Final = 2**16


class _Paced:
    """Sends the events of one run at its rate."""

    def __init__(
        self, transport: asyncio.Transport, events: int, interval: float, *, only_text: bool
    ) -> None:
        self._transport = transport
        self._events = events
        self._interval = interval
        self._only_text = only_text
        self._place = 0
        self._due = 0.0

    def start(self) -> None:
        """Send the start of the run, and its first text."""
        self._transport.write(_content.HEAD)
        self._send()
        self._send()

    def go_on(self, delay: float) -> None:
        """Send the other events one by one, the next after a delay."""
        loop = asyncio.get_running_loop()
        self._due = loop.time() + delay
        loop.call_at(self._due, self._tick)

    def _send(self) -> None:
        self._transport.write(_content.paced_event(self._place, self._events, only_text=self._only_text))
        self._place += 1

    def _tick(self) -> None:
        if not self._transport.is_closing():
            self._send()
            if self._place < self._events:
                self._due += self._interval
                asyncio.get_running_loop().call_at(self._due, self._tick)


class _Runs:
    """The runs that wait for `POST /release`."""

    def __init__(self) -> None:
        self._held: list[tuple[_Paced, float]] = []

    def start(self, transport: asyncio.Transport, inputs: dict[str, Any]) -> None:
        interval, hold = 1 / inputs["rate"], bool(inputs.get("hold"))
        paced = _Paced(transport, inputs["events"], interval, only_text=hold)
        paced.start()
        if hold:
            self._held.append((paced, interval))
        else:
            paced.go_on(interval)

    def release(self) -> None:
        """Continue all runs, spread evenly over the time between two events."""
        for number, (paced, interval) in enumerate(self._held):
            paced.go_on(number / len(self._held) * interval)
        self._held.clear()


class _Connection(asyncio.Protocol):
    """The part of HTTP/1.1 that the clients need: no pipelining, bodies of a known length."""

    _transport: asyncio.Transport

    def __init__(self, runs: _Runs) -> None:
        self._runs = runs
        self._received = bytearray()
        self._unsent = memoryview(b"")
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's class has the methods of one

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        head = received.find(b"\r\n\r\n") + 4
        if head < 4:
            return
        length = _LENGTH.search(received, 0, head)
        end = head + (int(length[1]) if length else 0)
        if len(received) >= end:
            body = bytes(received[head:end])
            method, path, _ = bytes(received[:head]).split(b" ", 2)
            del received[:end]
            self._answer(method, path, body)

    def _answer(self, method: bytes, path: bytes, body: bytes) -> None:
        if method == b"POST" and path.endswith(b"/workflows/run"):
            inputs = json.loads(body)["inputs"]
            inputs = inputs.get("inputs", inputs)  # dify-oapi2 sends the inputs one level too deep.
            if inputs.get("rate"):
                self._runs.start(self._transport, inputs)
                return
            self._unsent = memoryview(_content.stream(inputs["events"], inputs.get("size", 0)))
            self._send()
            return
        if path.endswith(b"/release"):
            self._runs.release()
        self._transport.write(_content.small_response(method, path))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._paused = True

    def _send(self) -> None:
        # In small parts, so that the client sets the pace, and not the size of our buffer.
        while self._unsent and not self._paused:
            part, self._unsent = self._unsent[:_PART], self._unsent[_PART:]
            self._transport.write(part)


async def _serve() -> None:
    runs = _Runs()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(functools.partial(_Connection, runs), "127.0.0.1", 0, backlog=4096)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


@contextmanager
def server(python: str, *, core: int | None = None) -> Iterator[str]:
    """Run the server in a separate process, on one core if given, and yield its base URL."""
    command = [python, "-m", "benchmarks._server", *([] if core is None else [str(core)])]
    root = Path(__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            if not port:
                raise RuntimeError("the server did not start")
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C, and terminates this process.
    if len(sys.argv) > 1 and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {int(sys.argv[1])})
    with contextlib.suppress(KeyboardInterrupt):
        # uvloop sends about twice as many events per second; without it, the server may set the pace.
        if importlib.util.find_spec("uvloop"):
            import uvloop  # noqa: PLC0415

            uvloop.run(_serve())
        else:
            asyncio.run(_serve())


if __name__ == "__main__":
    main()
