"""FakeDify is compared with recordings of a real server: errors, structures and behavior."""

from __future__ import annotations

import asyncio
import gc
import json
import uuid
import weakref
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest

from dify_async import AppClient, errors
from dify_async._wire.sse import EventParser
from dify_async.testing import Cut, FakeDify, Field, Node, Refuse, Silence, Workflow
from tests.support import recordings
from tests.support.clients import app_client
from tests.support.fake_server import ask, shape
from tests.support.limits import HANGS_AFTER

FORM = [
    Field("name", required=True, max_length=48),
    Field("color", "select", options=["red", "green", "蓝"]),
    Field("count", "number"),
]


def run_body(**fields: Any) -> dict[str, Any]:
    return {"json": {"inputs": {"name": "A"}, "user": "rec-user", "response_mode": "blocking", **fields}}


def first_line(text: str) -> str:
    # What follows in a real server's validation dumps are inputs and links to its validator.
    return text.split("\n", maxsplit=1)[0]


@pytest.mark.parametrize(
    ("name", "request_", "state"),
    [
        ("err_auth_bad_key", {"key": "Bearer app-nope"}, {}),
        ("err_auth_missing_header", {"key": ""}, {}),
        ("err_auth_no_space", {"key": "Bearerapp-x"}, {}),
        ("err_auth_not_bearer", {"key": "Basic app-x"}, {}),
        ("err_api_disabled", run_body(), {"api_enabled": False}),
        ("err_wf_missing_user", run_body(user=None), {}),
        ("err_wf_user_empty", run_body(user=""), {}),
        ("err_wf_missing_inputs", {"json": {"user": "u"}}, {}),
        ("err_wf_inputs_not_object", run_body(inputs=[1]), {}),
        ("err_wf_bad_response_mode", run_body(response_mode="sse"), {}),
        ("err_wf_bad_json", {"data": b'{"inputs": {', "headers": {"Content-Type": "application/json"}}, {}),
        ("err_wf_empty_body", {"data": b"", "headers": {"Content-Type": "application/json"}}, {}),
        ("err_wf_json_array", {"json": [1]}, {}),
        ("err_wf_no_content_type", {"data": b'{"inputs":{}}'}, {}),
        ("err_wf_name_not_string", run_body(inputs={"name": 5}), {}),
        ("err_wf_name_too_long", run_body(inputs={"name": "A" * 60}), {}),
        ("err_wf_number_not_number", run_body(inputs={"name": "A", "count": "abc"}), {}),
        ("err_wf_select_bad_option", run_body(inputs={"name": "A", "color": "purple"}), {}),
        ("err_wf_unpublished_blocking", run_body(), {"published": False}),
        ("err_wrong_mode_chat_key_workflow", run_body(), {"mode": "chat"}),
        ("err_wf_wrong_method_get", {"method": "GET"}, {}),
        ("err_wf_delete_method", {"method": "DELETE"}, {}),
        ("err_wf_run_by_bad_id", {"path": "/v1/workflows/not-a-uuid/run", **run_body()}, {}),
        ("err_wf_run_by_unknown_id", {"path": f"/v1/workflows/{uuid.UUID(int=0)}/run", **run_body()}, {}),
        ("err_run_detail_bad_uuid", {"method": "GET", "path": "/v1/workflows/run/nope"}, {}),
        ("err_run_detail_other_app", {"method": "GET", "path": f"/v1/workflows/run/{uuid.UUID(int=1)}"}, {}),
        ("err_run_detail_chat_app", {"method": "GET", "path": "/v1/workflows/run/x"}, {"mode": "chat"}),
        ("err_logs_bad_date", {"method": "GET", "path": "/v1/workflows/logs?created_at__after=yesterday"}, {}),
        ("err_unknown_path", {"method": "GET", "path": "/v1/nope"}, {}),
        ("wf_unpublished_parameters", {"method": "GET", "path": "/v1/parameters"}, {"published": False}),
        ("wf_stop_unknown_task", {"path": "/v1/workflows/tasks/x/stop", "json": {"user": "u"}}, {}),
        ("wf_stop_no_user", {"path": "/v1/workflows/tasks/x/stop", "json": {}}, {}),
        ("err_human_events_no_user", {"method": "GET", "path": "/v1/workflow/x/events"}, {}),
        ("err_human_events_by_task_id", {"method": "GET", "path": "/v1/workflow/x/events?user=u"}, {}),
    ],
)  # fmt: skip
async def test_rejections_match_a_real_server(
    fake_dify: FakeDify, name: str, request_: dict[str, Any], state: dict[str, Any]
) -> None:
    fake_dify.workflow = Workflow(form=FORM)
    for attribute, value in state.items():
        setattr(fake_dify, attribute, value)
    given = {"method": "POST", "path": "/v1/workflows/run", **request_}
    if given["method"] == "POST" and not {"json", "data"} & set(given):
        given |= run_body()
    status, content_type, body = await ask(fake_dify, **given)
    real = recordings.load(name)
    assert status == real.status
    assert content_type == real.headers["content-type"].partition(";")[0]
    if content_type == "application/json":
        ours, theirs = json.loads(body), json.loads(real.body)
        assert {**ours, "message": first_line(ours.get("message", ""))} == {
            **theirs,
            "message": first_line(theirs.get("message", "")),
        }
    else:
        assert body == real.body


async def test_too_many_concurrent_runs_are_rejected(fake_dify: FakeDify) -> None:
    fake_dify.max_active_requests = 0
    status, _, body = await ask(fake_dify, "POST", "/v1/workflows/run", **run_body())
    real = json.loads(recordings.load("err_rate_limited_streaming").body)
    ours = json.loads(body)
    assert (status, ours["code"]) == (400, real["code"])
    assert ours["message"].split("allowed for")[0] == real["message"].split("allowed for")[0]


def keys_by_event(body: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for payload in EventParser(2**26).feed(body):
        if payload:
            event = json.loads(payload)
            event["data"] = {
                key: None if key in {"inputs", "outputs", "process_data", "execution_metadata"} else value
                for key, value in event["data"].items()
            }
            found[event["event"]] = shape(event)
    return found


async def test_events_have_the_keys_of_a_real_server(fake_dify: FakeDify) -> None:
    fake_dify.tail = 0
    fake_dify.workflow = Workflow(
        nodes=[Node("A", text=["x"]), Node("B", error="no", caught=True, retries=1), Node("C")]
    )
    _, content_type, body = await ask(
        fake_dify, "POST", "/v1/workflows/run", **run_body(response_mode="streaming")
    )
    real = keys_by_event(recordings.load("wf_partial_streaming").body)
    ours = keys_by_event(body)
    assert content_type == "text/event-stream"
    assert body.startswith(b"event: ping\n\ndata: {")
    assert ours == real


async def test_a_pause_has_the_keys_of_a_real_server(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("Ask", form="Sure?")])
    _, _, body = await ask(fake_dify, "POST", "/v1/workflows/run", **run_body(response_mode="streaming"))
    real = keys_by_event(recordings.load("human_start_streaming").body)
    ours = keys_by_event(body)
    for name in ("human_input_required", "workflow_paused"):
        assert ours[name] == real[name]


@pytest.mark.parametrize(
    ("name", "method", "path"),
    [
        ("get_run_detail_run_basic", "GET", "/v1/workflows/run/{run}"),
        ("get_logs", "GET", "/v1/workflows/logs"),
        ("get_info_wf_human", "GET", "/v1/info"),
        ("get_site_wf_basic", "GET", "/v1/site"),
        ("wf_basic_blocking", "POST", "/v1/workflows/run"),
    ],
)
async def test_responses_have_the_keys_of_a_real_server(
    fake_dify: FakeDify, name: str, method: str, path: str
) -> None:
    await ask(fake_dify, "POST", "/v1/workflows/run", **run_body())
    run_id = next(iter(fake_dify.runs))
    more = run_body() if method == "POST" else {}
    _, _, body = await ask(fake_dify, method, path.format(run=run_id), **more)
    ours, real = json.loads(body), json.loads(recordings.load(name).body)
    if isinstance(ours.get("data"), list):
        ours, real = ours["data"][0], real["data"][0]
    for answer in (ours, real):
        # The outputs of each run differ.
        answer.get("data", answer).pop("outputs", None)
    assert shape(ours) == shape(real)


async def test_a_stream_stays_open_after_its_end(fake_dify: FakeDify) -> None:
    fake_dify.tail = 60
    headers = {"Authorization": f"Bearer {fake_dify.api_key}"}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.post(f"{fake_dify.base_url}/workflows/run", **run_body(response_mode="streaming")) as answer,
    ):
        await answer.content.readuntil(b'"workflow_finished"')
        await answer.content.readuntil(b"\n\n")
        (played,) = fake_dify.runs.values()
        assert (played.over, answer.content.at_eof()) == (True, False)


async def test_a_finished_run_replays_one_event(client: AppClient, fake_dify: FakeDify) -> None:
    result = await client.workflows.run({})
    path = f"/v1/workflow/{result.workflow_run_id}/events?user=ada&include_state_snapshot=true"
    _, _, body = await ask(fake_dify, "GET", path)
    (payload,) = EventParser(2**20).feed(body)
    event = json.loads(payload)
    assert (event["event"], event["task_id"]) == ("workflow_finished", result.workflow_run_id)
    assert b'": "' in payload, "written with spaces, as the real one does"


async def test_a_snapshot_replays_nodes_and_continues_live(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A"), Node("B", text=["x", "y"], seconds=0.6)])
    handle = await client.workflows.submit({})
    path = f"/v1/workflow/{handle.run_id}/events?user=ada&include_state_snapshot=true"
    _, _, body = await ask(fake_dify, "GET", path)
    events = [json.loads(payload) for payload in EventParser(2**20).feed(body) if payload]
    assert [event["event"] for event in events][-1] == "workflow_finished"
    assert events[0]["event"] == "workflow_started"
    assert events[0]["task_id"] == handle.run_id, "replayed events carry the run id"
    assert events[-1]["task_id"] == handle.task_id, "live events carry the task id"


async def test_connections_are_served_a_few_at_a_time() -> None:
    at_once: list[int] = []

    def note(_: object) -> dict[str, Any]:
        at_once.append(sum(not run.over for run in dify.runs.values()))
        return {}

    with FakeDify(Workflow(nodes=[Node("Slow", seconds=0.1)], outputs=note), connections=2, tail=0) as dify:
        async with app_client(dify) as client:
            await asyncio.gather(*(client.workflows.run({}) for _ in range(6)))
    assert (len(at_once), max(at_once)) == (6, 2)


async def test_faults_apply_the_given_number_of_times(client: AppClient, fake_dify: FakeDify) -> None:
    fake_dify.faults.append(Refuse(on="/info", status=403, code="forbidden", times=2))
    seen: list[int] = []
    for _ in range(3):
        status, _, _ = await ask(fake_dify, "GET", "/v1/info")
        seen.append(status)
    assert seen == [403, 403, 200]


@pytest.mark.parametrize("at", [0, 5, 13, 40])
async def test_a_cut_is_at_its_byte(fake_dify: FakeDify, at: int) -> None:
    fake_dify.faults.append(Cut(at_byte=at, how="end"))
    _, _, body = await ask(fake_dify, "POST", "/v1/workflows/run", **run_body(response_mode="streaming"))
    assert len(body) == at


async def test_the_server_stops_at_once_with_open_streams() -> None:
    dify = FakeDify(Workflow(nodes=[Node("Slow", seconds=10 * HANGS_AFTER)])).start()
    dify.faults.append(Silence(after_events=1))
    client = AppClient(dify.api_key, user="ada", base_url=dify.base_url, on_abandon="detach")
    async with client, client.workflows.stream({}) as run:
        await anext(run)
        await asyncio.wait_for(asyncio.to_thread(dify.close), HANGS_AFTER)
        dify.close()


async def test_received_requests_can_be_read(client: AppClient, fake_dify: FakeDify) -> None:
    await client.workflows.run({"a": 1})
    seen = fake_dify.requests[0]
    assert (seen.method, seen.path) == ("POST", "/v1/workflows/run")
    assert json.loads(seen.body)["inputs"] == {"a": 1}
    assert fake_dify.api_key not in repr(seen)
    assert (fake_dify.runs_started, fake_dify.runs_stopped) == (1, 0)


async def test_a_function_of_a_test_that_raises_fails_the_run(fake_dify: FakeDify) -> None:
    fake_dify.workflow = Workflow(outputs=lambda inputs: {"x": inputs["city"]})
    async with AppClient(fake_dify.api_key, user="ada", base_url=fake_dify.base_url) as client:
        with pytest.raises(errors.RunFailed, match="KeyError: 'city'"):
            await client.workflows.run({}, timeout=5)


async def test_a_stopped_server_leaves_no_garbage() -> None:
    ended: list[weakref.ref[FakeDify]] = []
    for _ in range(3):
        with FakeDify() as dify:
            assert (await ask(dify, "GET", "/v1/info"))[0] == 200
            assert (await ask(dify, "GET", "/v1/nothing"))[0] == 404
        ended.append(weakref.ref(dify))
    del dify
    gc.collect()
    assert [one() for one in ended] == [None] * 3


async def test_the_server_stops_although_a_client_does_not_read(recwarn: pytest.WarningsRecorder) -> None:
    body = json.dumps({"inputs": {}, "user": "ada", "response_mode": "streaming"}).encode()

    async def ask_and_not_read() -> None:
        with FakeDify(Workflow(nodes=[Node("Say", text=["x" * 100_000] * 200)])) as dify:
            _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(dify.base_url).port, limit=1)
            head = (
                "POST /v1/workflows/run HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                f"Authorization: Bearer {dify.api_key}\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            assert await asyncio.to_thread(dify.wait_for, lambda: any(run.over for run in dify.runs.values()))
        writer.close()

    await ask_and_not_read()
    gc.collect()
    assert not recwarn.list
