"""Shared code of the benchmarks: a test server, and measurements in comparable rounds.

The server runs in a separate process and sends prepared bytes, so it adds nothing to the CPU time of the
clients. Each contestant of each round runs in a new process, so that the imports, caches and garbage of one
do not affect another. Because the load of a machine varies, contestants take turns within a round, and the
result is the ratio of two contestants in the same round, not their seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import multiprocessing
import os
import re
import signal
import statistics
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from multiprocessing.connection import Connection
from typing import Any, Final, NamedTuple, TypeAlias

Work: TypeAlias = Callable[[int], Awaitable[None]]
"""Does the measured work the given number of times, and raises if any part of the data is missing."""
Contestant: TypeAlias = Callable[[str], AbstractAsyncContextManager[Work]]
"""Imports its library, creates a client for a base URL, and yields its work. None of this is measured."""

_FRESH: Final = multiprocessing.get_context("spawn")
_WARM_UP: Final = 200
"""Events or calls before the measurement starts: enough to fill caches and open all connections."""

# What the server sends. The keys, the sizes and the mix of events are those of Dify 1.14.

RUN_ID: Final = "4fa855f1-ef44-4d2d-bfb1-3e5b8ed46ce3"
_TASK_ID: Final = "75f14420-5d07-459c-ba85-f4172400d70c"
_WORKFLOW_ID: Final = "c661af40-b602-4d65-8803-26a10b0378bc"
_START: Final = 1_795_308_634

_TEXTS: Final = ("Hello", ", ", "world", "! ", "你好，世界", " line two\n", '"quoted" ', "end.")
CYCLE: Final = len(_TEXTS) + 2
"""Events between the starts of two nodes: the start, the text chunks, the end."""
CHARACTERS: Final = sum(map(len, _TEXTS))
"""Characters of text in one cycle."""
PING_EVERY: Final = 1_000
"""Events between two pings. Dify also starts each stream with a ping."""

_NODE: Final[dict[str, Any]] = {
    "id": "4857d184-b314-4e6a-b053-6b851e078b1f",
    "node_id": "llm",
    "node_type": "llm",
    "title": "LLM",
    "index": 1,
    "predecessor_node_id": None,
    "inputs": None,
    "inputs_truncated": False,
}
_NO_PARENT: Final = {"iteration_id": None, "loop_id": None}
_OUTPUTS: Final = {"text": "Hello, world! 你好，世界 line two", "finish_reason": "stop"}
_RUN: Final[dict[str, Any]] = {
    "id": RUN_ID,
    "workflow_id": _WORKFLOW_ID,
    "status": "succeeded",
    "outputs": {"answer": "Hello, world! 你好，世界 line two"},
    "error": None,
    "elapsed_time": 0.766902,
    "total_tokens": 27,
    "total_steps": 3,
    "created_at": _START,
    "finished_at": _START + 1,
}


def _event(place: int, events: int) -> tuple[str, dict[str, Any]]:
    now = _START + place // 500
    if place == 0:
        return "workflow_started", {
            "id": RUN_ID,
            "workflow_id": _WORKFLOW_ID,
            "inputs": {"events": events, "sys.user_id": "bench", "sys.workflow_run_id": RUN_ID},
            "created_at": now,
            "reason": "initial",
        }
    if place == events - 1:
        created_by = {"id": "08ac85a0-ab65-472c-9b80-49a03b96518b", "user": "bench"}
        return "workflow_finished", {**_RUN, "created_by": created_by, "exceptions_count": 0, "files": []}
    step = place % CYCLE
    if step == 0:
        return "node_started", {**_NODE, "created_at": now, "extras": {}, **_NO_PARENT}
    if step < CYCLE - 1:
        return "text_chunk", {"text": _TEXTS[step - 1], "from_variable_selector": ["llm", "text"]}
    return "node_finished", {
        **_NODE,
        "process_data": {"model_mode": "chat", "model_name": "fake-llm"},
        "process_data_truncated": False,
        "outputs": _OUTPUTS,
        "outputs_truncated": False,
        "status": "succeeded",
        "error": None,
        "elapsed_time": 0.622567,
        "execution_metadata": {"total_tokens": 27, "total_price": "0.0000325", "currency": "USD"},
        "created_at": now,
        "finished_at": now,
        "files": [],
        **_NO_PARENT,
    }


@functools.cache
def _stream(events: int) -> bytes:
    return b"".join(_parts(events))


@functools.cache
def _parts(events: int) -> list[bytes]:
    head = (
        b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nX-Version: 1.14.2\r\nTransfer-Encoding: chunked\r\n"
        b"Content-Type: text/event-stream; charset=utf-8\r\n\r\n"
    )
    parts = [head]
    for place in range(events):
        name, data = _event(place, events)
        whole = {"event": name, "workflow_run_id": RUN_ID, "task_id": _TASK_ID, "data": data}
        text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
        pieces = [f"data: {text}\n\n"]
        if place % PING_EVERY == 0:
            pieces.insert(0, "event: ping\n\n")
        # Dify sends each event as a separate HTTP chunk. This costs clients more than the number of bytes.
        for piece in pieces:
            encoded = piece.encode()
            parts.append(b"%x\r\n%b\r\n" % (len(encoded), encoded))
    parts.append(b"0\r\n\r\n")
    return parts


def _whole(body: Mapping[str, Any]) -> bytes:
    text = json.dumps(body).encode()
    return (
        b"HTTP/1.1 200 OK\r\nServer: gunicorn\r\nX-Version: 1.14.2\r\nConnection: keep-alive\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(text), text)
    )


# Servers send the inputs of a stored run as JSON text.
_DETAIL: Final = _whole({**_RUN, "inputs": json.dumps({"query": "hi", "sys.user_id": "bench"})})
_STOPPED: Final = _whole({"result": "success"})
_NOT_FOUND: Final = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

_LENGTH: Final = re.compile(rb"^content-length: *(\d+)", re.IGNORECASE | re.MULTILINE)
_EVENTS: Final = re.compile(rb'"events": ?(\d+)')


class _Server(asyncio.Protocol):
    """The part of HTTP/1.1 that the contestants need: no pipelining, bodies of a known length."""

    _transport: asyncio.Transport

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._received = bytearray()
        self._unsent = memoryview(b"")
        self._held_back = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        received = self._received
        received += data
        head = received.find(b"\r\n\r\n") + 4
        if head < 4:
            return
        length = _LENGTH.search(received, 0, head)
        end = head + (int(length[1]) if length else 0)
        if len(received) >= end:
            request = bytes(received[:end])
            del received[:end]
            if self._pause and (events := _EVENTS.search(request)):
                self._send_slowly(iter(_parts(int(events[1]))))
                return
            self._unsent = memoryview(_answer(request))
            self._send()

    def pause_writing(self) -> None:
        self._held_back = True

    def resume_writing(self) -> None:
        self._held_back = False
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._held_back = True

    def _send_slowly(self, parts: Iterator[bytes]) -> None:
        part = next(parts, None)
        if part is not None and not self._transport.is_closing():
            self._transport.write(part)
            asyncio.get_running_loop().call_later(self._pause, self._send_slowly, parts)

    def _send(self) -> None:
        # In small parts, so that the client sets the pace, and not the size of our buffer.
        while self._unsent and not self._held_back:
            part, self._unsent = self._unsent[: 2**16], self._unsent[2**16 :]
            self._transport.write(part)


def _answer(request: bytes) -> bytes:
    method, path, _ = request.split(b" ", 2)
    if method == b"POST" and path.endswith(b"/workflows/run") and (events := _EVENTS.search(request)):
        return _stream(int(events[1]))
    if method == b"GET" and b"/workflows/run/" in path:
        return _DETAIL.replace(RUN_ID.encode(), path.rpartition(b"/")[2])
    if method == b"POST" and path.endswith(b"/stop"):
        return _STOPPED
    return _NOT_FOUND


def _serve(port_to: Connection, events: int, pause: float) -> None:
    async def run() -> None:
        if events:
            _stream(events)
        server = await asyncio.get_running_loop().create_server(
            functools.partial(_Server, pause), "127.0.0.1", 0, backlog=4096
        )
        port_to.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # The parent handles Ctrl-C, and terminates this process.
    asyncio.run(run())


@contextmanager
def server(events: int = 0, pause: float = 0) -> Iterator[str]:
    """Run the server in a separate process, and yield its base URL.

    A request with `{"inputs": {"events": N}}` starts a run of N events. The run with `events` events is
    prepared in advance, so that no client waits for it. With a `pause`, in seconds, events are sent one by
    one.
    """
    ours, theirs = _FRESH.Pipe()
    process = _FRESH.Process(target=_serve, args=(theirs, events, pause), daemon=True)
    process.start()
    try:
        if not ours.poll(30):
            raise RuntimeError("the server did not start")
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.terminate()
        process.join()


# Measuring


class Cost(NamedTuple):
    """Seconds for all of the work."""

    cpu: float
    wall: float


Results: TypeAlias = dict[str, dict[int, Cost]]
"""The cost of each contestant, by the number of the round."""


def _measure(contestant: Contestant, base_url: str, size: int) -> Cost:
    async def run() -> Cost:
        async with contestant(base_url) as work:
            await work(_WARM_UP)
            gc.collect()
            wall, cpu = time.perf_counter(), time.process_time()
            await work(size)
            return Cost(time.process_time() - cpu, time.perf_counter() - wall)

    return asyncio.run(run())


def race(
    contestants: Mapping[str, Contestant],
    base_url: str,
    size: int,
    rounds: int,
    *,
    seldom: Collection[str] = (),
) -> Results:
    """Measure all contestants in turns, with the same amount of work. Raises what a contestant raises.

    The contestants in `seldom` take part in one round of four. Use it for slow contestants: the others get
    more rounds, and so more precise ratios, in the same time.
    """
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # Some libraries always use the proxy, even for 127.0.0.1.
    results: Results = {name: {} for name in contestants}
    for number in range(rounds):
        names = [name for name in contestants if name not in seldom or number % 4 == 0]
        first = number % len(names) if names else 0  # Rotate, so that the order is not always the same.
        for name in names[first:] + names[:first]:
            with ProcessPoolExecutor(1, mp_context=_FRESH) as process:
                results[name][number] = process.submit(_measure, contestants[name], base_url, size).result()
    return results


# Reporting


class Gate(NamedTuple):
    """A limit: the CPU time of `name` is at most `at_most` times that of `other`."""

    name: str
    other: str
    at_most: float


def ratio(results: Results, name: str, other: str) -> float:
    """Return the CPU time of `name` divided by that of `other`: the median over their common rounds."""
    one, two = results[name], results[other]
    return statistics.median(one[number].cpu / two[number].cpu for number in one.keys() & two.keys())


def show(title: str, results: Results, *, size: int, unit: str, baseline: str) -> None:
    """Print a table: medians, and ratios to the baseline."""
    print(f"\n{title} (medians)")
    print(f"{'':<22}{'CPU s':>8}{f'µs/{unit}':>10}{'x base':>8}{'wall s':>8}{'rounds':>8}")
    for name, costs in results.items():
        cpu, wall = (statistics.median(column) for column in zip(*costs.values(), strict=True))
        times = f"{ratio(results, name, baseline):.2f}" if baseline in results else "-"
        print(f"{name:<22}{cpu:>8.3f}{cpu / size * 1e6:>10.1f}{times:>8}{wall:>8.3f}{len(costs):>8}")


def judge(results: Results, gates: Sequence[Gate]) -> bool:
    """Print whether each gate passes, and return True if all do. Skip gates whose contestants did not run."""
    good = True
    for name, other, at_most in gates:
        if name in results and other in results:
            found = ratio(results, name, other)
            good &= found <= at_most
            verdict = "PASS" if found <= at_most else "FAIL"
            print(f"{verdict}  {name} takes {found:.2f} x the CPU of {other}; at most {at_most:.2f}")
    return good


def options(doc: str, contestants: Mapping[str, object], *, rounds: int) -> argparse.ArgumentParser:
    """Return a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--only", nargs="+", choices=list(contestants), default=list(contestants))
    return parser
