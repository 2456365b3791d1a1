"""What the benchmarks share: a server that costs its clients nothing, and rounds that can be compared.

The server runs in a process of its own and answers with bytes that were made beforehand. Each contestant of
each round runs in a fresh process, so that no import, cache or garbage of one weighs on another. Machines
have noisy minutes: contestants take turns within a round, and what counts is the ratio of two of them in
the same round, not their seconds.
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
"""Does what is measured, as often as it is told, and raises if anything of it is lost."""
Contestant: TypeAlias = Callable[[str], AbstractAsyncContextManager[Work]]
"""Imports its library, makes its client for a base URL, and gives its work. All of that is not measured."""

_FRESH: Final = multiprocessing.get_context("spawn")
_WARM_UP: Final = 200
"""Events or calls before the clock starts: enough to fill caches, and to open a connection in each lane."""

# What the server says. Keys, sizes and their mix are those of Dify 1.14.

RUN_ID: Final = "4fa855f1-ef44-4d2d-bfb1-3e5b8ed46ce3"
_TASK_ID: Final = "75f14420-5d07-459c-ba85-f4172400d70c"
_WORKFLOW_ID: Final = "c661af40-b602-4d65-8803-26a10b0378bc"
_START: Final = 1_795_308_634

_TEXTS: Final = ("Hello", ", ", "world", "! ", "你好，世界", " line two\n", '"quoted" ', "end.")
CYCLE: Final = len(_TEXTS) + 2
"""Events between one start of a node and the next: the start, its texts, its end."""
CHARACTERS: Final = sum(map(len, _TEXTS))
"""Characters of text in one cycle."""
PING_EVERY: Final = 1_000
"""Events between two pings. Dify also opens each stream with one."""

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
        # Dify sends each event as an HTTP chunk of its own. Clients feel that more than the bytes.
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
    """HTTP/1.1 as far as the contestants need it: no pipelining, bodies of a known length."""

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
        # A part at a time, so that the client sets the pace and not the size of our buffer.
        while self._unsent and not self._held_back:
            part, self._unsent = self._unsent[: 2**16], self._unsent[2**16 :]
            self._transport.write(part)


def _answer(request: bytes) -> bytes:
    method, path, _ = request.split(b" ", 2)
    if method == b"POST" and path.endswith(b"/workflows/run") and (events := _EVENTS.search(request)):
        return _stream(int(events[1]))
    if method == b"GET" and b"/workflows/run/" in path:
        return _DETAIL
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

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then ends us.
    asyncio.run(run())


@contextmanager
def server(events: int = 0, pause: float = 0) -> Iterator[str]:
    """Run the server in a process of its own; give its base URL.

    A run of N events is asked for with `{"inputs": {"events": N}}`. Runs of as many as named here are made
    beforehand, so that nobody waits for that. With a `pause`, in seconds, their events come one by one.
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
    """Seconds for the whole work."""

    cpu: float
    wall: float


Results: TypeAlias = dict[str, dict[int, Cost]]
"""What each contestant took, by the number of the round."""


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
    """Let all contestants do work of one size, in turns. Raises what a contestant raises.

    Those that run `seldom`, in one round of four, are slow and on no gate: more rounds for the others make
    better ratios in the same time.
    """
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        del os.environ[name]  # Some peers would go through it to 127.0.0.1, and cannot be told not to.
    results: Results = {name: {} for name in contestants}
    for number in range(rounds):
        names = [name for name in contestants if name not in seldom or number % 4 == 0]
        first = number % len(names) if names else 0  # Nobody always comes after the same neighbour.
        for name in names[first:] + names[:first]:
            with ProcessPoolExecutor(1, mp_context=_FRESH) as process:
                results[name][number] = process.submit(_measure, contestants[name], base_url, size).result()
    return results


# Telling


class Gate(NamedTuple):
    """What must hold: one contestant takes at most so many times the CPU of another."""

    name: str
    other: str
    at_most: float


def ratio(results: Results, name: str, other: str) -> float:
    """Give how many times the CPU of another a contestant took: the median over their common rounds."""
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
    """Print whether each gate holds; give whether all do. A gate without its contestants is left out."""
    good = True
    for name, other, at_most in gates:
        if name in results and other in results:
            found = ratio(results, name, other)
            good &= found <= at_most
            verdict = "PASS" if found <= at_most else "FAIL"
            print(f"{verdict}  {name} takes {found:.2f} x the CPU of {other}; at most {at_most:.2f}")
    return good


def options(doc: str, contestants: Mapping[str, object], *, rounds: int) -> argparse.ArgumentParser:
    """Make a parser for the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--only", nargs="+", choices=list(contestants), default=list(contestants))
    return parser
