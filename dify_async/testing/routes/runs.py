"""Runs of a workflow: started, stopped, taken up again, looked up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.models._base import as_list
from dify_async.testing.answers import for_web, log_entry, written
from dify_async.testing.calls import Call, Refused, Routes, crashed, invalid, is_uuid
from dify_async.testing.inputs import InputRefused, Inputs
from dify_async.testing.runs import FakeRun
from dify_async.testing.script import Drop
from dify_async.testing.streams import PING, live, stream

_MODEL: Final = "WorkflowRunPayload"


# Started


def check_inputs(body: Mapping[str, Any], model: str) -> None:
    """Refuse the body of a start that has no inputs, or asks for an answer of no known kind."""
    if body.get("response_mode") not in (None, "blocking", "streaming"):
        raise invalid(
            model, "response_mode", "Input should be 'blocking' or 'streaming' [type=literal_error]"
        )
    if "inputs" not in body:
        raise invalid(model, "inputs", "Field required [type=missing]")
    if not isinstance(body["inputs"], dict):
        raise invalid(model, "inputs", "Input should be a valid dictionary [type=dict_type]")


def check_published(call: Call) -> None:
    """Refuse to run what was never published."""
    if not call.fake.published:
        raise Refused(400, "invalid_param", "Workflow not published")


def check_version(call: Call, workflow_id: str) -> None:
    """Refuse versions of a workflow that there are not."""
    if not is_uuid(workflow_id):
        raise Refused(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    if workflow_id not in call.fake.versions:
        raise Refused(404, "not_found", f"Workflow not found with id: {workflow_id}")


def check_limit(call: Call) -> None:
    """Refuse one more than may run at once."""
    fake = call.fake
    limit = fake.max_active_requests
    if limit is not None and sum(not task.over for task in fake.tasks) >= limit:
        message = (
            "Too many requests. Please try again later. The current maximum concurrent requests "
            f"allowed for {fake.app_id} is {limit}."
        )
        raise Refused(400, "invalid_param", message)


def taken(call: Call, body: Mapping[str, Any], user: str) -> tuple[dict[str, Json], list[Json], str | None]:
    """Give the inputs and the files beside them as a run has them, and what is wrong with them."""
    fake = call.fake
    # Only runs of a workflow by the Service API are held to the kinds that they declare for their files.
    strict = fake.mode == "workflow" and not call.on_web
    inputs = Inputs(fake.app.form, fake.files, user, fake.base_url, strict)
    try:
        files = [inputs.file(file) for file in as_list(body.get("files")) or []]
        return inputs.taken(body["inputs"]), files, None
    except InputRefused as refused:
        return body["inputs"], [], str(refused)


async def start(call: Call) -> web.StreamResponse:
    """Run the workflow. The Web API always streams."""
    user = await call.user()
    call.check_workflow()
    body = await call.body()
    if "workflow_id" in call.path:
        check_version(call, call.path["workflow_id"])
    check_inputs(body, _MODEL)
    check_published(call)
    check_limit(call)
    streaming = call.on_web or body.get("response_mode") == "streaming"
    inputs, files, problem = taken(call, body, user)
    if problem is not None and not streaming:
        raise Refused(400, "invalid_param", problem)
    if files:
        inputs = {**inputs, "sys.files": files}
    run = call.fake.new_run(inputs, user)
    if streaming:
        return await streamed(call, run, problem)
    await call.fake.work(run.play(problem))
    return call.hang_up() if isinstance(call.fault, Drop) else _in_one_piece(call, run)


async def streamed(call: Call, run: FakeRun, problem: str | None) -> web.StreamResponse:
    """Play a run, and stream it."""
    queue = run.listen()
    call.fake.work(run.play(problem))
    if isinstance(call.fault, Drop):
        return call.hang_up()
    return await stream(call, live(call, run, queue), first=[PING])


def blocking(call: Call, answer: Json) -> web.Response:
    """Answer a start in one piece."""
    return web.Response(text=json.dumps(answer), content_type="application/json", headers=call.headers)


def _in_one_piece(call: Call, run: FakeRun) -> web.Response:
    data = _stored(run)
    if run.status == "paused":
        pause = run.pause()
        data |= {"paused_nodes": pause["paused_nodes"], "reasons": pause["reasons"]}
    return blocking(call, {"task_id": run.task_id, "workflow_run_id": run.id, "data": data})


def _stored(run: FakeRun) -> dict[str, Json]:
    """Write what is kept of a run."""
    streamed_only = {"created_by", "exceptions_count", "files"}
    return {key: value for key, value in run.finished().items() if key not in streamed_only}


# Stopped, taken up again, looked up


async def stop(call: Call) -> web.Response:
    """Stop a run, whoever started it."""
    await call.user()
    call.check_workflow()
    stop_runs(call, call.path["task_id"])
    return call.done()


def stop_runs(call: Call, task_id: str) -> None:
    """Stop the runs with a task id. Unknown ones are no reason to refuse."""
    for run in call.fake.runs.values():
        if run.task_id == task_id:
            run.stop()


async def events(call: Call) -> web.StreamResponse:
    """Stream a run from now on, or from its beginning as far as that was stored."""
    user = await call.user()
    run_id = call.path["run_id"]
    if not call.on_web:
        call.check_workflow("advanced-chat")
    elif not is_uuid(run_id):
        raise crashed()
    run = call.fake.runs.get(run_id)
    if run is None or run.user != user:
        raise Refused(404, "not_found", "Workflow run not found")
    if call.fake.mode not in {"workflow", "advanced-chat"}:
        raise Refused(400, "invalid_param", "Invalid app mode")
    continue_on_pause = not call.on_web and call.flag("continue_on_pause")
    if run.over and run.status != "paused":
        # Written by another serialiser than the live events (recording: `human_events_after_finish`).
        last = {"event": "workflow_finished", "task_id": run.id, "workflow_run_id": run.id}
        text = json.dumps({**last, "data": run.finished()})
        return await stream(call, first=[f"data: {text}\n\n".encode()])
    queue = run.listen()
    first = [PING]
    if call.flag("include_state_snapshot"):
        first += [written(for_web(event)) for event in run.snapshot()]
        if run.status == "paused" and not continue_on_pause:
            return await stream(call, first=first)
    return await stream(call, live(call, run, queue, continue_on_pause=continue_on_pause), first=first)


async def detail(call: Call) -> web.Response:
    """Tell what has become of a run."""
    call.check_workflow("advanced-chat")
    run_id = call.path["run_id"]
    if not is_uuid(run_id):
        raise crashed()
    run = call.fake.runs.get(run_id)
    if run is None:
        raise Refused(404, "not_found", "Workflow run not found.")
    error = "Aborted: User requested stop" if run.status == "stopped" else run.error
    return call.json({**_stored(run), "inputs": json.dumps(run.all_inputs), "error": error})


async def logs(call: Call) -> web.Response:
    """List the runs that are over."""
    model, query = "WorkflowLogQuery", call.query
    page, limit = call.whole(model, "page", 1, 99999, 1), call.whole(model, "limit", 1, 100, 20)
    status = query.get("status")
    if status not in (None, "succeeded", "failed", "stopped"):
        raise invalid(
            model, "status", "Input should be 'succeeded', 'failed' or 'stopped' [type=literal_error]"
        )
    after, before = (_date(query.get(f"created_at__{side}")) for side in ("after", "before"))
    runs = [
        run
        for run in reversed(call.fake.runs.values())
        if run.over
        and status in (None, run.status)
        and query.get("created_by_end_user_session_id") in (None, run.user)
        and query.get("keyword", "") in json.dumps([run.inputs, run.outputs], ensure_ascii=False)
        and (after is None or run.created_at >= after)
        and (before is None or run.created_at <= before)
    ]
    shown = runs[(page - 1) * limit : page * limit]
    counted = {"page": page, "limit": limit, "total": len(runs), "has_more": page * limit < len(runs)}
    return call.json({**counted, "data": [log_entry(run) for run in shown]})


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        message = f"invalid literal for int() with base 10: {text[:4].encode()!r}"
        raise Refused(400, "invalid_param", message) from None


BOTH: Final[Routes] = [
    ("POST", "/workflows/run", start),
    ("POST", "/workflows/tasks/{task_id}/stop", stop),
    ("GET", "/workflow/{run_id}/events", events),
]
SERVICE: Final[Routes] = [
    ("POST", "/workflows/{workflow_id}/run", start),
    ("GET", "/workflows/run/{run_id}", detail),
    ("GET", "/workflows/logs", logs),
]
