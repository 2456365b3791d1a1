"""Start, stop, follow and list runs of a workflow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.models._base import as_list
from dify_async.testing.api_errors import ErrorResponse, crashed, invalid, invalid_param, missing, not_found
from dify_async.testing.engine.events import PING, encoded, finished, for_web, paused, snapshot
from dify_async.testing.engine.inputs import Inputs, InvalidInput
from dify_async.testing.engine.workflow import new_run, play_rejection, play_run, rejected_run
from dify_async.testing.faults import Drop, PingsOnly
from dify_async.testing.ids import id_of, is_uuid
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.routes.streams import live, pings_only, stream, until_last
from dify_async.testing.state.collection import numbered_page
from dify_async.testing.state.runs import EventJson, FakeRun

_MODEL: Final = "WorkflowRunPayload"


# Checks of requests that start a run or an answer


def check_start(body: Mapping[str, Any], model: str) -> None:
    """Reject a body without inputs, or with an unknown response mode."""
    if body.get("response_mode") not in (None, "blocking", "streaming"):
        raise invalid(
            model, "response_mode", "Input should be 'blocking' or 'streaming' [type=literal_error]"
        )
    if "inputs" not in body:
        raise missing(model, "inputs")
    if not isinstance(body["inputs"], dict):
        raise invalid(model, "inputs", "Input should be a valid dictionary [type=dict_type]")


def check_published(call: Call) -> None:
    """Reject a run of an app that was never published."""
    if not call.state.published:
        raise invalid_param("Workflow not published")


def check_version(call: Call, workflow_id: str) -> None:
    """Reject unknown versions of a workflow."""
    if not is_uuid(workflow_id):
        raise ErrorResponse(400, "bad_request", f"Invalid workflow_id format: '{workflow_id}'. ")
    if workflow_id not in call.state.workflow_versions:
        raise not_found(f"Workflow not found with id: {workflow_id}")


def check_limit(call: Call) -> None:
    """Reject a request that exceeds the app's limit of concurrent runs."""
    state = call.state
    limit = state.max_active_requests
    if limit is not None and sum(not task.over for task in state.tasks) >= limit:
        raise invalid_param(
            "Too many requests. Please try again later. The current maximum concurrent requests "
            f"allowed for {state.app_id} is {limit}."
        )


def accepted(
    call: Call, body: Mapping[str, Any], user: str
) -> tuple[dict[str, Json], list[Json], str | None]:
    """Return the inputs and files as a run stores them, and the problem with them, if any."""
    state = call.state
    # Only runs of a workflow on the Service API check the declared types of files.
    strict = state.mode == "workflow" and not call.on_web
    inputs = Inputs(state.app.form, state.files, user, state.origin, strict)
    try:
        files = [inputs.file(file) for file in as_list(body.get("files")) or []]
        return inputs.validated(body["inputs"]), files, None
    except InvalidInput as error:
        return body["inputs"], [], str(error)


# Start


async def start(call: Call) -> web.StreamResponse:
    """Run the workflow. The Web API always streams."""
    user = await call.user()
    call.check_workflow()
    body = await call.body()
    if "workflow_id" in call.path:
        check_version(call, call.path["workflow_id"])
    check_start(body, _MODEL)
    check_published(call)
    check_limit(call)
    streaming = call.on_web or body.get("response_mode") == "streaming"
    inputs, files, problem = accepted(call, body, user)
    if problem is not None:
        if not streaming:
            raise invalid_param(problem)
        return await rejected(call, inputs, user, problem)
    run = new_run(call.state, {**inputs, "sys.files": files} if files else inputs, user)
    if streaming:
        return await streamed(call, run)
    await completed(call, run)
    return call.hang_up() if isinstance(call.fault, Drop) else _in_one_piece(call, run)


async def rejected(call: Call, inputs: dict[str, Json], user: str, problem: str) -> web.StreamResponse:
    """Stream the rejection of the inputs."""
    run = rejected_run(call.state, inputs, user)
    queue = run.live.listen()
    await play_rejection(call.state, run, problem)
    return call.hang_up() if isinstance(call.fault, Drop) else await _live(call, run, queue)


async def streamed(call: Call, run: FakeRun) -> web.StreamResponse:
    """Start a run, and stream it."""
    queue = run.live.listen()
    call.state.spawn(play_run(call.state, run))
    return call.hang_up() if isinstance(call.fault, Drop) else await _live(call, run, queue)


async def _live(call: Call, run: FakeRun, queue: asyncio.Queue[EventJson]) -> web.StreamResponse:
    return await stream(call, live(call, run, queue), first=[PING])


async def completed(call: Call, run: FakeRun) -> None:
    """Start a run, and wait until it has ended or is paused."""
    queue = run.live.listen()
    call.state.spawn(play_run(call.state, run))
    await until_last(run, queue)


def blocking(call: Call, answer: Json) -> web.Response:
    """Return the response to a start in blocking mode."""
    return web.Response(text=json.dumps(answer), content_type="application/json", headers=call.headers)


def _in_one_piece(call: Call, run: FakeRun) -> web.Response:
    data = _stored(run)
    if run.status == "paused":
        pause = paused(run)
        data |= {"paused_nodes": pause["paused_nodes"], "reasons": pause["reasons"]}
    return blocking(call, {"task_id": run.task_id, "workflow_run_id": run.id, "data": data})


def _stored(run: FakeRun) -> dict[str, Json]:
    """Return the JSON of the record of a run."""
    streamed_only = {"created_by", "exceptions_count", "files"}
    return {key: value for key, value in finished(run).items() if key not in streamed_only}


# Stop, follow, records


async def stop(call: Call) -> web.Response:
    """Stop a run, even if another end user started it."""
    await call.user()
    call.check_workflow()
    stop_runs(call, call.path["task_id"])
    return call.done()


def stop_runs(call: Call, task_id: str) -> None:
    """Stop the run with a task id. Unknown ids are accepted."""
    for run in call.state.runs.values():
        if run.task_id == task_id:
            run.stop()


async def events(call: Call) -> web.StreamResponse:
    """Stream a run from now on, after the stored events if a snapshot is requested."""
    user = await call.user()
    run_id = call.path["run_id"]
    if not call.on_web:
        call.check_workflow("advanced-chat")
    elif not is_uuid(run_id):
        raise crashed()
    run = call.state.runs.find(run_id)
    if run.user != user:
        raise call.state.runs.not_found()
    if call.state.mode not in {"workflow", "advanced-chat"}:
        raise invalid_param("Invalid app mode")
    if isinstance(call.fault, PingsOnly):
        return await stream(call, pings_only(call))
    continue_on_pause = not call.on_web and call.flag("continue_on_pause")
    if run.over and run.status != "paused":
        # Dify uses another serializer here than for live events (recording: `human_events_after_finish`).
        last = {"event": "workflow_finished", "task_id": run.id, "workflow_run_id": run.id}
        text = json.dumps({**last, "data": finished(run)})
        return await stream(call, first=[f"data: {text}\n\n".encode()])
    queue = run.live.listen()
    first = [PING]
    if call.flag("include_state_snapshot"):
        first += [encoded(for_web(event)) for event in snapshot(run)]
        if run.status == "paused" and not continue_on_pause:
            return await stream(call, first=first)
    return await stream(call, live(call, run, queue, continue_on_pause=continue_on_pause), first=first)


async def detail(call: Call) -> web.Response:
    """Return the record of a run."""
    call.check_workflow("advanced-chat")
    run_id = call.path["run_id"]
    if not is_uuid(run_id):
        raise crashed()
    run = call.state.runs.get(run_id)
    if run is None:
        raise not_found("Workflow run not found.")
    error = "Aborted: User requested stop" if run.status == "stopped" else run.error
    return call.json({**_stored(run), "inputs": json.dumps(run.all_inputs), "error": error})


async def logs(call: Call) -> web.Response:
    """List the runs that have ended."""
    model, query = "WorkflowLogQuery", call.query
    page, limit = call.whole(model, "page", 1, 99999, 1), call.whole(model, "limit", 1, 100, 20)
    status = query.get("status")
    if status not in (None, "succeeded", "failed", "stopped"):
        raise invalid(
            model, "status", "Input should be 'succeeded', 'failed' or 'stopped' [type=literal_error]"
        )
    both = query.get("keyword") and query.get("created_by_end_user_session_id")
    if both and call.state.version.rejects_two_log_filters:
        raise crashed()  # Recording: `116_logs_keyword_and_session_500`.
    after, before = (_date(query.get(f"created_at__{side}")) for side in ("after", "before"))
    runs = [
        run
        for run in call.state.runs.newest_first
        if run.over
        and status in (None, run.status)
        and query.get("created_by_end_user_session_id") in (None, run.user)
        and query.get("keyword", "") in json.dumps([run.inputs, run.outputs], ensure_ascii=False)
        and (after is None or run.created_at >= after)
        and (before is None or run.created_at <= before)
    ]
    counted = {"page": page, "limit": limit, "total": len(runs), "has_more": page * limit < len(runs)}
    return call.json({**counted, "data": [_log_entry(run) for run in numbered_page(runs, page, limit)]})


def _date(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise invalid_param(f"invalid literal for int() with base 10: {text[:4].encode()!r}") from None


def _log_entry(run: FakeRun) -> dict[str, Json]:
    return {
        "id": id_of(run.id),
        "workflow_run": {
            "id": run.id,
            "version": "2026-11-22 00:47:35.803523",
            "status": run.status,
            "triggered_from": "app-run",
            "error": run.error,
            "elapsed_time": run.elapsed_time,
            "total_tokens": run.total_tokens,
            "total_steps": run.total_steps,
            "created_at": run.created_at,
            "finished_at": run.finished_at,
            "exceptions_count": run.exceptions_count,
        },
        "details": None,
        "created_from": "service-api",
        "created_by_role": "end_user",
        "created_by_account": None,
        "created_by_end_user": {
            "id": id_of(run.user),
            "type": "service-api",
            "is_anonymous": False,
            "session_id": run.user,
        },
        "created_at": run.created_at,
    }


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
