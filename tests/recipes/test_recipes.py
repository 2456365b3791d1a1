"""The recipes of docs/recipes.md are the files of examples/, and run unchanged."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import re
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from dify_async import AppClient, RunHandle, errors
from dify_async.testing import FakeDify, Fault, Field, Node, Refuse, Workflow
from tests.support.limits import HANGS_AFTER

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"

FORECAST = Workflow(outputs=lambda inputs: {"forecast": f"sun in {inputs['city']}"})
SLOW = Workflow(nodes=[Node("Slow", seconds=60)])

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the processes are led by signals")

Start = Callable[..., "subprocess.Popen[str]"]


def test_the_page_shows_the_files() -> None:
    shown = re.findall(r"```(?:python|html)\n(.*?)```", (ROOT / "docs" / "recipes.md").read_text(), re.DOTALL)
    assert sorted(shown) == sorted(file.read_text() for file in EXAMPLES.glob("*.*"))


# Processes


def settings_of(dify: FakeDify) -> dict[str, str]:
    return {"DIFY_API_KEY": dify.api_key, "DIFY_BASE_URL": dify.base_url, "DIFY_USER": "ada"}


@contextmanager
def starting(dify: FakeDify, **environment: str) -> Iterator[Start]:
    """Yield a function that starts Python in the folder of the examples; remaining processes are killed at the end."""
    of_dify = settings_of(dify)
    with ExitStack() as started:

        def start(*arguments: str) -> subprocess.Popen[str]:
            process = subprocess.Popen(
                [sys.executable, *arguments],
                cwd=EXAMPLES,
                env={**os.environ, **of_dify, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            started.enter_context(process)
            started.callback(end_all_of, process.pid)
            return process

        yield start


def end_all_of(group: int) -> None:
    """Kill a process and its children if they still run. After a passed test, none runs."""
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def wait_for_line(process: subprocess.Popen[str], pattern: str) -> re.Match[str]:
    """Wait until a process prints a text."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        if found := re.search(pattern, line):
            return found
        lines.append(line)
    raise AssertionError(f"it ended without {pattern!r}: {''.join(lines)}")


def tell(process: subprocess.Popen[str]) -> None:
    """Write a line to the standard input of a process."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def ended(process: subprocess.Popen[str], *expected: int) -> str:
    """Wait for the end of a process; return its output since the last read."""
    output, _ = process.communicate(timeout=HANGS_AFTER)
    assert process.returncode in (expected or (0,)), output
    return output


# Web services


class Web:
    """A service in its own process."""

    def __init__(self, dify: FakeDify, address: str) -> None:
        self.dify = dify
        self._address = address

    async def request(
        self, session: aiohttp.ClientSession, path: str = "/forecast", method: str = "POST"
    ) -> aiohttp.ClientResponse:
        url = self._address + path
        return await session.request(method, url, params={"city": "Lisbon"}, cookies={"user": "bob"})

    async def answer(self, path: str = "/forecast", method: str = "POST") -> tuple[int, Any]:
        async with (
            aiohttp.ClientSession() as session,
            await self.request(session, path, method) as answer,
        ):
            is_json = answer.content_type == "application/json"
            return answer.status, await (answer.json() if is_json else answer.text())

    async def leave(self, path: str, method: str) -> None:
        """Disconnect while the run is in flight."""
        async with aiohttp.ClientSession() as session:
            asking = asyncio.create_task(self.request(session, path, method))
            assert await asyncio.to_thread(self.dify.wait_for, lambda: self.dify.runs_started == 1)
            asking.cancel()
            await asyncio.wait([asking])
            if not asking.cancelled():
                asking.result().close()


@contextmanager
def web_service(*command: str) -> Iterator[Web]:
    with FakeDify(tail=0.1) as dify, starting(dify) as start:
        server = start(*command)
        yield Web(dify, wait_for_line(server, r"running on (http://\S+)")[1])
        server.send_signal(signal.SIGTERM)
        assert "Traceback" not in ended(server, 0, -signal.SIGTERM)
        assert dify.wait_for(lambda: dify.open_sockets == 0)


@pytest.fixture(scope="module")
def fastapi_service() -> Iterator[Web]:
    with web_service("-m", "uvicorn", "--port", "0", "fastapi_app:app") as service:
        yield service


@pytest.fixture(scope="module")
def django_service() -> Iterator[Web]:
    with web_service("-m", "uvicorn", "--port", "0", "django_app:asgi") as service:
        yield service


WSGI = """
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from django_app import wsgi

class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass

server = make_server("127.0.0.1", 0, wsgi, Server, Quiet)
print(f"running on http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


@pytest.fixture(scope="module")
def wsgi_service() -> Iterator[Web]:
    with web_service("-c", WSGI) as service:
        yield service


@pytest.fixture
def web(request: pytest.FixtureRequest) -> Web:
    service: Web = request.getfixturevalue(request.param)
    service.dify.reset()
    service.dify.workflow = FORECAST
    return service


def served_by(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("web", names, indirect=True)


RUNS = [("fastapi_service", "POST"), ("django_service", "GET"), ("wsgi_service", "GET")]


@pytest.mark.parametrize(("web", "method"), RUNS, indirect=["web"])
async def test_a_service_runs_for_each_end_user(web: Web, method: str) -> None:
    assert await web.answer("/forecast", method) == (200, {"forecast": "sun in Lisbon"})
    assert web.dify.runs[0].user == "bob"


@pytest.mark.parametrize(
    ("trouble", "status", "code"),
    [
        (Refuse(status=429, code="too_many_requests", times=3), 429, "too_many_requests"),
        (Refuse(status=429, code="rate_limit_error"), 503, "QuotaExceeded"),
        (Refuse(status=500), 502, "ServerError"),
        (Workflow(nodes=[Node("Bad", error="no model")]), 502, "RunFailed"),
        (Workflow(form=[Field("name", required=True)]), 400, "RunRejected"),
    ],
)
@served_by("fastapi_service")
async def test_a_service_maps_errors_to_statuses(
    web: Web, trouble: Fault | Workflow, status: int, code: str
) -> None:
    if isinstance(trouble, Fault):
        web.dify.faults.append(trouble)
    else:
        web.dify.workflow = trouble
    answered, body = await web.answer()
    assert (answered, body["status"], body["code"]) == (status, status, code)


@pytest.mark.parametrize(
    ("web", "path"),
    [
        ("fastapi_service", "/forecast/events"),
        ("django_service", "/forecast"),
        ("django_service", "/forecast/events"),
        ("wsgi_service", "/forecast"),
        ("wsgi_service", "/forecast/lines"),
    ],
    indirect=["web"],
)
async def test_each_endpoint_maps_a_rejected_run_to_a_status(web: Web, path: str) -> None:
    web.dify.faults.append(Refuse(status=400, code="invalid_param", message="no"))
    status, body = await web.answer(path, "GET")
    assert (status, body["code"], body["message"]) == (400, "invalid_param", "no")


@served_by("fastapi_service")
async def test_fastapi_gives_the_handle_of_a_run_that_waits(web: Web) -> None:
    web.dify.workflow = Workflow(nodes=[Node("Ask", form="Go on?")])
    status, body = await web.answer()
    assert (status, RunHandle.from_json(body["paused"]).run_id) == (202, web.dify.runs[0].id)


@pytest.mark.parametrize(
    ("web", "path", "method"),
    [
        ("fastapi_service", "/forecast/events", "POST"),
        ("django_service", "/forecast/events", "GET"),
        ("wsgi_service", "/forecast/lines", "GET"),
    ],
    indirect=["web"],
)
async def test_a_service_forwards_events(web: Web, path: str, method: str) -> None:
    status, body = await web.answer(path, method)
    data = [json.loads(data) for data in re.findall("data: (.*)", body)]
    assert status == 200
    assert [event for event in data if event] == web.dify.runs[0].events


@pytest.mark.parametrize(
    ("web", "path", "method"),
    [
        ("fastapi_service", "/forecast", "POST"),
        ("fastapi_service", "/forecast/events", "POST"),
        ("django_service", "/forecast/events", "GET"),
        ("wsgi_service", "/forecast/lines", "GET"),
    ],
    indirect=["web"],
)
async def test_a_service_stops_the_run_of_a_client_that_disconnects(web: Web, path: str, method: str) -> None:
    # WSGI notices a disconnected client only when it writes.
    texts = [Node("Talk", text=["a"] * 1000, seconds=60)]
    web.dify.workflow = Workflow(nodes=texts)
    await web.leave(path, method)
    assert await asyncio.to_thread(web.dify.wait_for, lambda: web.dify.runs_stopped == 1)


@served_by("fastapi_service")
async def test_fastapi_serves_the_page(web: Web) -> None:
    assert await web.answer("/", "GET") == (200, (EXAMPLES / "event_source.html").read_text())


# AWS Lambda


class LambdaContext:
    """The context that Lambda passes to a function."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def get_remaining_time_in_millis(self) -> int:
        return int(self._seconds * 1000)


def closed_loops() -> int:
    """Return the number of closed event loops in memory, also of earlier tests."""
    gc.collect()
    return sum(isinstance(one, asyncio.AbstractEventLoop) and one.is_closed() for one in gc.get_objects())


def test_one_client_serves_many_event_loops(fake_dify: FakeDify, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in settings_of(fake_dify).items():
        monkeypatch.setenv(name, value)
    function = runpy.run_path(str(EXAMPLES / "lambda_function.py"))
    fake_dify.workflow = FORECAST
    before = closed_loops()
    for _ in range(30):
        answer = function["handler"]({"city": "Lisbon"}, LambdaContext(60))
        assert answer == {"statusCode": 200, "body": '{"forecast": "sun in Lisbon"}'}
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)
    assert closed_loops() < before + 10, "the client keeps loops that are closed"

    fake_dify.workflow = SLOW
    assert function["handler"]({"city": "Lisbon"}, LambdaContext(3.3)) == {"statusCode": 504}
    assert fake_dify.wait_for(lambda: fake_dify.runs[-1].status == "stopped")


# Celery

CELERY = """
import os
from celery_app import app, client, order
app.conf.broker_transport_options = {
    "data_folder_in": os.environ["QUEUE"],
    "data_folder_out": os.environ["QUEUE"],
    "processed_folder": os.environ["QUEUE"],
    "control_folder": os.environ["QUEUE"],
    "polling_interval": 0.05,
}
"""

CELERY_WORKER = """
from celery.signals import worker_process_init

@worker_process_init.connect
def tell(**_):
    print("process", os.getpid(), flush=True)

client.app.info()  # The client is at work before the processes are forked.
app.conf.update(worker_redirect_stdouts=False, worker_lost_wait=0.1)
quick = ["--without-mingle", "--without-gossip", "--without-heartbeat"]
app.worker_main(["worker", "--concurrency", "1", "--loglevel", "ERROR", *quick])
"""

CELERY_WEB = """
print(app.AsyncResult(order("Lisbon")).get(timeout=120, interval=0.05))
"""


@pytest.fixture
def celery(fake_dify: FakeDify, tmp_path: Path) -> Iterator[Start]:
    fake_dify.workflow = FORECAST
    with starting(
        fake_dify,
        CELERY_BROKER_URL="filesystem://",
        CELERY_RESULT_BACKEND=tmp_path.as_uri(),
        QUEUE=str(tmp_path),
    ) as start:
        yield start
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_celery_waits_in_another_process_and_retries_after_a_kill(celery: Start, fake_dify: FakeDify) -> None:
    def followed() -> int:
        return sum("/events" in request.path for request in list(fake_dify.requests))

    worker = celery("-c", CELERY + CELERY_WORKER)
    victim = int(wait_for_line(worker, r"process (\d+)")[1])
    fake_dify.workflow = Workflow(nodes=[Node("Slow", seconds=1)], outputs=FORECAST.outputs)
    web = celery("-c", CELERY + CELERY_WEB)
    assert fake_dify.wait_for(lambda: followed() == 1, HANGS_AFTER)
    os.kill(victim, signal.SIGKILL)
    assert ended(web) == "{'outputs': {'forecast': 'sun in Lisbon'}}\n"
    assert (fake_dify.runs_started, fake_dify.runs_stopped, followed()) == (1, 0, 2)

    fake_dify.workflow = Workflow(nodes=[Node("Bad", error="no model")])
    assert "no model" in ended(celery("-c", CELERY + CELERY_WEB))
    worker.send_signal(signal.SIGTERM)
    ended(worker)


# Taskiq

TASKIQ_HELLO = """
from taskiq_app import broker, forecast

@broker.task
async def hello() -> None:
    print("hello", flush=True)
"""

TASKIQ_CLIENT = """
import asyncio, sys
from hello import broker, forecast, hello

async def say_hello() -> None:
    line = asyncio.create_task(asyncio.to_thread(sys.stdin.readline))
    while not line.done():
        await hello.kiq()
        await asyncio.wait([line], timeout=0.05)

async def main() -> None:
    await broker.startup()
    await say_hello()  # ZeroMQ drops messages that are sent before a receiver listens.
    await forecast.kiq("Lisbon", "bob")
    await forecast.kiq("Rome", "eve")
    await say_hello()  # Taskiq 0.13 hears a signal only when something wakes it.
    await broker.shutdown()

asyncio.run(main())
"""


def test_a_taskiq_worker_has_one_client(fake_dify: FakeDify, tmp_path: Path) -> None:
    (tmp_path / "hello.py").write_text(TASKIQ_HELLO)
    fake_dify.workflow = FORECAST
    with starting(
        fake_dify,
        TASKS=f"ipc://{tmp_path}/tasks",
        PYTHONPATH=os.pathsep.join([str(tmp_path), str(EXAMPLES)]),
    ) as start:
        client = start("-W", "error", "-c", TASKIQ_CLIENT)
        worker = start("-m", "taskiq", "worker", "hello:broker", "--workers", "1")
        wait_for_line(worker, "hello")
        tell(client)
        done = {wait_for_line(worker, "^(bob|eve) .*")[0], wait_for_line(worker, "^(bob|eve) .*")[0]}
        worker.send_signal(signal.SIGTERM)
        assert "Traceback" not in ended(worker)
        tell(client)
        assert ended(client) == ""
    assert done == {"bob {'forecast': 'sun in Lisbon'}", "eve {'forecast': 'sun in Rome'}"}
    assert sorted(run.user for run in fake_dify.runs.values()) == ["bob", "eve"]
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


# A limiter


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return runpy.run_path(str(EXAMPLES / "limiter.py"))


def test_a_limiter_applies_to_all_processes(fake_dify: FakeDify, tmp_path: Path) -> None:
    running: list[int] = []

    def outputs(_: object) -> dict[str, Any]:
        running.append(sum(not run.over for run in list(fake_dify.runs.values())))
        return {}

    fake_dify.workflow = Workflow(nodes=[Node("Some", seconds=0.3)], outputs=outputs)
    with starting(fake_dify, TMPDIR=str(tmp_path)) as start:
        programs = [start("limiter.py", "Lisbon", "Rome", "Oslo", "Bern") for _ in range(3)]
        for program in programs:
            assert ended(program).count("succeeded") == 4
    assert max(running) <= 3


def test_the_slot_of_a_dead_process_is_freed(fake_dify: FakeDify, tmp_path: Path) -> None:
    fake_dify.workflow = SLOW
    with starting(fake_dify, TMPDIR=str(tmp_path)) as start:
        first = start("limiter.py", "Lisbon", "Rome", "Oslo")
        assert fake_dify.wait_for(lambda: fake_dify.runs_started == 3, HANGS_AFTER)
        fake_dify.workflow = FORECAST
        second = start("limiter.py", "Bern")
        first.kill()
        assert ended(second) == "{'city': 'Bern'} succeeded\n"


async def test_a_limiter_applies_to_runs_only(fake_dify: FakeDify, places: Any) -> None:
    fake_dify.workflow = SLOW
    async with AppClient(
        fake_dify.api_key, user="ada", base_url=fake_dify.base_url, limiter=places["a_slot"]
    ) as client:
        handles = [await client.workflows.submit({"city": city}) for city in ("Lisbon", "Rome", "Oslo")]
        waiting = [asyncio.create_task(client.workflows.wait(handle)) for handle in handles]
        fourth = asyncio.create_task(client.workflows.run({"city": "Bern"}))
        assert await asyncio.to_thread(fake_dify.wait_for, lambda: "/events" in fake_dify.requests[-1].path)
        for handle in handles:
            assert (await client.workflows.get(handle.run_id)).status == "running"
        assert fake_dify.runs_started == 3
        fake_dify.workflow = FORECAST
        assert handles[0].task_id is not None
        await client.workflows.stop(handles[0].task_id)
        with pytest.raises(errors.RunStopped):
            await waiting[0]
        assert (await fourth).status == "succeeded"
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
