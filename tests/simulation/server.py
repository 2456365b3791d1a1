"""The scripted server: runs that are reported correctly or incorrectly."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final

import attrs

from tests.simulation.connection import FOR_EVER, Reply, Response, Sent
from tests.simulation.plans import Delivery, RunPlan

_PING: Final = b"event: ping\n\n"
_EVERY: Final = 10.0
_TAIL: Final = 1.0
"""Seconds that a stream stays open after the end of its run."""
_LONGEST: Final = 600.0
"""Seconds after which a stream is closed in any case."""
_TERMINAL: Final = {"workflow_finished", "workflow_paused", "error"}
_ERROR: Final = {"event": "error", "code": "internal_server_error", "message": "boom", "status": 500}


@attrs.define
class Moment:
    """An event of a run."""

    at: float
    name: str
    data: dict[str, Any]


@attrs.define(eq=False)
class Run:
    """A run as the server knows it."""

    number: int
    call: int
    plan: RunPlan
    started_at: float
    moments: list[Moment]
    streams: list[Broadcast] = attrs.Factory(list)
    task_arrived_at: float | None = None
    """When the client could first know the task id."""
    id_arrived: bool = False
    end_arrived: tuple[float, int] | None = None
    """Time and step at which the last event had arrived at the client."""
    is_unclear: bool = False
    """True if the client received another run instead of this one, or a pause by a record alone."""
    last_byte_at: float = 0.0

    @property
    def run_id(self) -> str:
        return f"{self.number:08d}-0000-4000-8000-000000000000"

    @property
    def task_id(self) -> str:
        return f"task-{self.number}"

    def event(self, moment: Moment, *, snapshot: bool = False) -> bytes:
        """Return the bytes of an event. Snapshots have the run's id in place of the task's."""
        about = {"task_id": self.run_id if snapshot else self.task_id, "workflow_run_id": self.run_id}
        return b"data: %s\n\n" % json.dumps({"event": moment.name, **about, **moment.data}).encode()

    def outputs(self) -> dict[str, Any]:
        return {"run": self.number, "call": self.call}

    def status(self, now: float) -> str:
        last = self.moments[-1]
        if last.at > now or last.name not in _TERMINAL:
            return "running"
        return last.data["data"]["status"] if last.name != "error" else "failed"

    def stop(self, now: float) -> None:
        """End the run a second later as stopped, unless it ends before."""
        end = now + 1.0
        if self.status(end) != "running":
            return
        self.moments = [moment for moment in self.moments if moment.at <= now]
        self.moments.append(Moment(end, *_finished(self.run_id, "stopped", {})))
        for stream in self.streams:
            stream.wake()


def _finished(run_id: str, status: str, outputs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    words = None if status == "succeeded" else "boom"
    data = {"id": run_id, "workflow_id": "w", "status": status, "outputs": outputs, "error": words}
    return "workflow_finished", {"data": {**data, "elapsed_time": 1.0, "total_steps": 1, "total_tokens": 7}}


def new_run(number: int, call: int, plan: RunPlan, now: float) -> Run:
    """Return a run that starts now."""
    run = Run(number, call, plan, now, [])
    moments = run.moments
    started = {"id": run.run_id, "workflow_id": "w", "inputs": {}, "reason": "initial"}
    moments.append(Moment(now, "workflow_started", {"data": started}))
    at = now
    node = {"node_id": "n", "node_type": "llm", "title": "n"}
    for index, gap in enumerate(plan.gaps):
        at += gap
        name = f"n{number}-{index}"
        moments.append(Moment(at, "node_started", {"data": {"id": name, **node}}))
        moments.append(Moment(at, "text_chunk", {"data": {"text": f"{index} "}}))
        moments.append(
            Moment(at, "node_finished", {"data": {"id": name, **node, "status": "succeeded"}}),
        )
    at += plan.end_after
    if plan.end in {"succeeded", "failed"}:
        moments.append(Moment(at, *_finished(run.run_id, plan.end, run.outputs())))
    elif plan.end == "paused":
        data = {"workflow_run_id": run.run_id, "status": "paused", "paused_nodes": ["n"]}
        moments.append(Moment(at, "workflow_paused", {"data": data}))
    elif plan.end == "error":
        moments.append(Moment(at, "error", _ERROR))
    elif plan.end == "foreign":
        moments.append(Moment(at, *_finished("another-run", "succeeded", {"run": -1})))
    return run


class Broadcast:
    """Sends the events of a run over one response, as they occur."""

    def __init__(self, run: Run, response: Response, delivery: Delivery, *, attached: bool) -> None:
        self._run = run
        self._response = response
        self._delivery = delivery
        self._loop: Any = asyncio.get_running_loop()
        self._position = 0
        self._size = 0
        self._ends: list[tuple[int, Moment]] = []
        self._waiting = b""
        self._timer: asyncio.TimerHandle | None = None
        self._ping_at = self._loop.time() + _EVERY
        self._closes_at = self._loop.time() + _LONGEST
        run.streams.append(self)
        self._send(self._snapshot() if attached else b"")
        self.wake()

    def _snapshot(self) -> bytes:
        now = self._loop.time()
        moments = self._run.moments
        data = b""
        while self._position < len(moments) and moments[self._position].at <= now:
            moment = moments[self._position]
            if moment.name != "text_chunk":  # Lost for clients that were not connected.
                data += self._note(self._run.event(moment, snapshot=True), moment)
            self._position += 1
        return data

    def _note(self, data: bytes, moment: Moment) -> bytes:
        before = self._ends[-1][0] if self._ends else self._size + len(self._waiting)
        self._ends.append((before + len(data), moment))
        return data

    def wake(self) -> None:
        """Send the events that are due, and schedule the next call."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._response.is_open:
            return
        now, moments = self._loop.time(), self._run.moments
        data = b""
        while self._position < len(moments) and moments[self._position].at <= now + 1e-9:
            moment = moments[self._position]
            data += self._note(self._run.event(moment), moment)
            self._position += 1
        is_over = self._position == len(moments) > 0 and moments[-1].name in _TERMINAL
        if data or now >= self._ping_at:
            self._ping_at = now + _EVERY
            if not data and self._delivery.pings and not is_over:
                data = self._note(_PING, Moment(now, "ping", {}))
        self._send(data)
        if is_over:
            self._timer = self._loop.call_at(max(now, moments[-1].at) + _TAIL, self._response.finish)
        elif now >= self._closes_at:
            self._response.finish()
        else:
            due = moments[self._position].at if self._position < len(moments) else self._ping_at
            self._timer = self._loop.call_at(min(due, self._ping_at), self.wake)

    def _send(self, data: bytes) -> None:
        data = self._waiting + data
        self._waiting = b""
        split = self._delivery.split
        if split is not None and 0 < split < len(data):
            self._waiting = data[split:]
            data = data[:split]
            self._loop.call_later(0.01, self._send_rest)
        self._feed(data)

    def _send_rest(self) -> None:
        data, self._waiting = self._waiting, b""
        self._feed(data)

    def _feed(self, data: bytes) -> None:
        cut = self._delivery.cut_after
        is_cut = cut is not None and self._size + len(data) >= cut
        if is_cut:
            assert cut is not None
            data = data[: cut - self._size]
        if self._response.is_open and data:
            self._size += len(data)
            self._run.last_byte_at = self._loop.time()
            self._response.feed(data)
            complete = self._size + 2 * is_cut  # At the end of a body an event needs no empty line.
            while self._ends and self._ends[0][0] <= complete:
                self._arrived(self._ends.pop(0)[1])
        if is_cut and self._response.is_open:
            if self._delivery.breaks:
                self._response.cut()
            else:
                self._response.finish()

    def _arrived(self, moment: Moment) -> None:
        run, now = self._run, self._loop.time()
        run.id_arrived = run.id_arrived or moment.name != "ping"
        if run.task_arrived_at is None and moment.name != "ping":
            run.task_arrived_at = now
        if moment.name in _TERMINAL and run.end_arrived is None:
            run.end_arrived = (now, self._loop.steps)


@attrs.define
class Logged:
    """A received request and its run."""

    at: float
    step: int
    kind: str
    call: int | None
    run: Run | None
    reaction: str


class ScriptedServer:
    """Handles requests as planned, and otherwise as a stock server does."""

    def __init__(self, plan_of: Callable[[int], RunPlan]) -> None:
        self._plan_of = plan_of
        self._loop: Any = None
        self.runs: list[Run] = []
        self.log: list[Logged] = []
        self.is_reachable = True
        """False for a client whose process was killed."""
        self._posts: dict[int, int] = {}
        self._followed: dict[str, int] = {}
        self._records: dict[str, int] = {}

    def handle(self, request: Sent) -> Reply:
        """Receive a request."""
        self._loop = asyncio.get_running_loop()
        if not self.is_reachable:
            return Reply(refused=True)
        tail = request.path.partition("/v1")[2] or request.path.partition("/api")[2]
        parts = tail.strip("/").split("/")
        match request.method, parts:
            case "POST", ["workflows", "run"]:
                return self._start(request.body["inputs"]["call"])
            case "GET", ["workflow", run_id, "events"]:
                return self._follow(self._run(run_id))
            case "GET", ["workflows", "run", run_id]:
                return self._record(self._run(run_id))
            case "POST", ["workflows", "tasks", task_id, "stop"]:
                return self._stop(task_id)
        raise AssertionError(f"unexpected request: {request}")

    def lose_client(self) -> None:
        """Forget the connections of a client whose process was killed; a new one may come."""
        for run in self.runs:
            run.streams.clear()

    def start(self, call: int) -> Run:
        """Start a run."""
        self._loop = asyncio.get_running_loop()
        run = new_run(len(self.runs), call, self._plan_of(call), self._loop.time())
        self.runs.append(run)
        return run

    def note(self, kind: str, call: int | None, run: Run | None, reaction: str) -> None:
        """Write a request into the log."""
        self.log.append(Logged(self._loop.time(), self._loop.steps, kind, call, run, reaction))

    def _start(self, call: int) -> Reply:
        plan = self._plan_of(call)
        count = self._posts[call] = self._posts.get(call, 0) + 1
        reaction = plan.reactions[count - 1] if count <= len(plan.reactions) else "stream"
        run = self.start(call) if reaction in {"stream", "vanishes"} else None
        self.note("start", call, run, reaction)
        after = plan.headers_after
        match reaction:
            case "refused":
                return Reply(refused=True)
            case "busy":
                return Reply(status=429, body=_error("too_many_requests"), after=after)
            case "unavailable":
                return Reply(status=503, body=b"<html>", after=after)
            case "unauthorized":
                return Reply(status=401, body=_error("unauthorized"), after=after)
            case "json":
                return Reply(body=_error("quota"), after=after)
            case "vanishes":
                return Reply(vanishes=True, after=after)
        assert run is not None
        return self._stream(run, plan.delivery, attached=False, after=after)

    def _follow(self, run: Run | None) -> Reply:
        if run is None:
            self.note("follow", None, None, "404")
            return Reply(status=404, body=_error("not_found"))
        count = self._followed[run.run_id] = self._followed.get(run.run_id, 0) + 1
        planned = run.plan.followed
        how, delivery = planned[count - 1] if count <= len(planned) else run.plan.then_followed
        self.note("follow", run.call, run, how)
        if how == "pings":
            return self._stream(run, delivery, attached=True, only_pings=True)
        if how == "foreign":
            run.is_unclear = True
            other = new_run(90_000_000 + run.number, -1, RunPlan(), self._loop.time() - 100)
            return self._stream(other, delivery, attached=True)
        return _trouble(how) or self._stream(run, delivery, attached=True)

    def _record(self, run: Run | None) -> Reply:
        if run is None:
            self.note("record", None, None, "404")
            return Reply(status=404, body=_error("not_found"))
        count = self._records[run.run_id] = self._records.get(run.run_id, 0) + 1
        how = run.plan.records[count - 1] if count <= len(run.plan.records) else "true"
        self.note("record", run.call, run, how)
        status = run.status(self._loop.time())
        record: dict[str, Any] = {"id": run.run_id, "workflow_id": "w", "status": status, "error": None}
        if how == "true" and status == "paused":
            run.is_unclear = True
        elif how == "true" and status != "running" and run.end_arrived is None:
            run.end_arrived = (self._loop.time(), self._loop.steps)
        has_outputs = status in {"succeeded", "failed"} and run.plan.end != "error"
        record |= {"outputs": run.outputs() if has_outputs else {}}
        if how == "foreign":
            record |= {"id": "another-run", "status": "succeeded", "outputs": {"run": -1}}
        if how == "empty":
            record = {"id": "", "status": "", "outputs": {}}
        return _trouble(how) or Reply(body=json.dumps(record).encode())

    def _stop(self, task_id: str) -> Reply:
        run = next((run for run in self.runs if run.task_id == task_id), None)
        self.note("stop", run.call if run else None, run, task_id)
        how = run.plan.stop if run is not None else "works"
        if how == "fails":
            return Reply(status=500, body=_error("internal_server_error"))
        if how == "hangs":
            return Reply(after=FOR_EVER)
        if run is not None:
            run.stop(self._loop.time())
        return Reply(body=b'{"result": "success"}')

    def _stream(
        self, run: Run, delivery: Delivery, *, attached: bool, after: float = 0.0, only_pings: bool = False
    ) -> Reply:
        def send(response: Response) -> None:
            if only_pings:
                lost = attrs.evolve(run, moments=[], streams=[])
                Broadcast(lost, response, delivery, attached=True)
            else:
                Broadcast(run, response, delivery, attached=attached)

        return Reply(headers={"Content-Type": "text/event-stream"}, after=after, body=send)

    def _run(self, run_id: str) -> Run | None:
        return next((run for run in self.runs if run.run_id == run_id), None)


def _trouble(how: str) -> Reply | None:
    match how:
        case "refused":
            return Reply(refused=True)
        case "vanishes":
            return Reply(vanishes=True)
        case "silent":
            return Reply(after=FOR_EVER)
        case "json":
            return Reply(body=b'{"code": "maintenance"}')
        case "500" | "404" | "429":
            return Reply(status=int(how), body=_error("not_found" if how == "404" else "trouble"))
    return None


def _error(code: str) -> bytes:
    return json.dumps({"code": code, "message": "no", "status": 0}).encode()
