"""Blocking clients in separate processes: signals, forks, and the end of the interpreter."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from dify_async.testing import FakeDify, Node, Workflow
from tests.support.limits import HANGS_AFTER
from tests.support.processes import running

SLOW = Workflow(nodes=[Node("Quick", text=["hi"]), Node("Slow", seconds=10 * HANGS_AFTER)])

Script = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def script(fake_dify: FakeDify) -> Iterator[Script]:
    """Start a program that has a blocking client."""

    def start(program: str) -> subprocess.Popen[str]:
        head = f"""
import logging, os, sys, threading
logging.getLogger("asyncio").setLevel("ERROR")  # asyncio warns about slow callbacks, which a busy machine causes.
from dify_async import errors
from dify_async.sync import AppClient
client = AppClient({fake_dify.api_key!r}, user="ada", base_url={fake_dify.base_url!r})
"""
        command = [sys.executable, "-X", "dev", "-c", head + program]
        return started.enter_context(running(command, {}, stdin=subprocess.PIPE))

    with ExitStack() as started:
        yield start


def ended(process: subprocess.Popen[str]) -> str:
    """Wait for the exit with code 0 and nothing on standard error; return the output."""
    out, said = process.communicate(timeout=HANGS_AFTER)
    assert said == ""
    assert process.returncode == 0
    return out


def at_the_slow_node(fake_dify: FakeDify, count: int = 1) -> None:
    """Wait until a number of runs are at their slow node."""
    assert fake_dify.wait_for(
        lambda: sum(run.total_steps == 2 for run in list(fake_dify.runs.values())) == count, HANGS_AFTER
    )


def test_ctrl_c_in_a_call(script: Script, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    process = script("""
try:
    client.workflows.run({})
except KeyboardInterrupt:
    print("interrupted")
print(client.app.info().name)
""")
    at_the_slow_node(fake_dify)
    process.send_signal(signal.SIGINT)
    assert ended(process) == "interrupted\nFakeDify\n"
    assert fake_dify.runs_stopped == 1


def test_ctrl_c_in_a_stream(script: Script, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    process = script("""
try:
    with client.workflows.stream({}) as run:
        for event in run:
            print(event.event, flush=True)
except KeyboardInterrupt:
    print("interrupted")
print(client.app.info().name)
""")
    assert process.stdout is not None
    for line in iter(process.stdout.readline, ""):
        if line == "node_finished\n":
            break
    at_the_slow_node(fake_dify)
    process.send_signal(signal.SIGINT)
    assert ended(process).endswith("interrupted\nFakeDify\n")
    assert fake_dify.runs_stopped == 1
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_ctrl_c_that_is_not_caught(script: Script, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    process = script("client.workflows.run({})")
    at_the_slow_node(fake_dify)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=HANGS_AFTER)
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert said.count("Traceback") == 1
    assert fake_dify.runs_stopped == 1


@pytest.mark.parametrize(
    ("program", "stopped"),
    [
        ("client.app.info()", 0),
        ("client.__enter__(); client.app.info()", 0),
        ("run = client.workflows.stream({}).__enter__(); next(run)", 1),
        ("run = client.workflows.stream({}).__enter__(); next(run); run.detach()", 0),
        ("for log in client.workflows.logs(): break", 0),
        ("pass", 0),
    ],
    ids=["a live client", "an entered client", "an open stream", "a detached stream", "a list", "nothing"],
)
def test_the_process_ends_quietly(script: Script, fake_dify: FakeDify, program: str, stopped: int) -> None:
    fake_dify.workflow = SLOW
    ended(script(program))
    assert fake_dify.runs_stopped == stopped
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_the_process_ends_while_a_thread_waits(script: Script, fake_dify: FakeDify) -> None:
    fake_dify.workflow = SLOW
    process = script("""
threading.Thread(target=client.workflows.run, args=({},), daemon=True).start()
def follow():
    with client.workflows.stream({}) as run:
        for event in run: pass
threading.Thread(target=follow, daemon=True).start()
sys.stdin.readline()
""")
    at_the_slow_node(fake_dify, 2)
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
    ended(process)
    assert fake_dify.runs_stopped == 2
    assert fake_dify.wait_for(lambda: fake_dify.open_sockets == 0)


def test_the_process_ends_quietly_after_a_host_name_was_resolved(script: Script) -> None:
    # asyncio resolves names in an executor, and ends it by a thread; Python 3.12 starts none at its end.
    process = script("""
client = AppClient("app-x", user="ada", base_url=client.base_url.replace("127.0.0.1", "localhost"))
try:
    client.app.info()
except errors.Unauthorized as error:
    print(error.status)
""")
    assert ended(process) == "401\n"


def test_a_call_at_the_end_of_the_process_is_an_error(script: Script) -> None:
    process = script("""
import atexit
def late():
    try:
        client.app.info()
    except errors.ConfigurationError as error:
        print(error)
atexit._clear()
atexit.register(late)
from dify_async.sync.bridge import current
atexit.register(lambda: current().end())
client.app.info()
""")
    assert "the process is exiting" in ended(process)


# Forks

needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")

FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 on warns of a fork beside threads.
def fork(child):
    pid = os.fork()
    if pid == 0:
        child()
        sys.stdout.flush()
        sys.exit(0)
    assert os.waitpid(pid, 0)[1] == 0
"""


@needs_fork
def test_a_fork_before_the_first_call(script: Script) -> None:
    process = script(
        FORK
        + """
fork(lambda: print("child", client.app.info().name))
print("parent", client.app.info().name)
"""
    )
    assert ended(process) == "child FakeDify\nparent FakeDify\n"


@needs_fork
@pytest.mark.parametrize("child", ["calls", "closes", "drops", "does nothing", "uses the stream"])
def test_a_fork_after_calls_and_in_a_stream(script: Script, fake_dify: FakeDify, child: str) -> None:
    fake_dify.workflow = Workflow(nodes=[Node("A", text=["x"] * 20, seconds=1.0)])
    process = script(
        FORK
        + f"""
client.app.info()
run = client.workflows.stream({{}})
with run:
    print(next(run).event, flush=True)
    def child():
        global client, run
        kind = {child!r}
        if kind == "calls":
            assert client.app.info().name == "FakeDify"
            with client.workflows.attach(run.handle) as again:
                print("child", again.result().status)
        elif kind == "closes":
            client.close()
        elif kind == "drops":
            import gc
            del client, run
            gc.collect()
        elif kind == "uses the stream":
            try:
                next(run)
                for event in run: pass
            except errors.ConfigurationError as error:
                print("child", "before the process forked" in str(error))
        if kind != "calls":
            print("child")
    pid = os.fork()
    if pid == 0:
        child()
        sys.exit(0)
    for event in run: pass
    assert os.waitpid(pid, 0)[1] == 0
    print("parent", run.result().status, run.text is not None)
print(client.app.info().name)
"""
    )
    out = ended(process).splitlines()
    assert out[-2:] == ["parent succeeded True", "FakeDify"]
    assert any(line.startswith("child") for line in out)
    assert fake_dify.runs_stopped == 0, "the child does not stop the parent's run"


@needs_fork
def test_many_children_of_a_used_client(script: Script, fake_dify: FakeDify) -> None:
    process = script(
        FORK
        + """
client.app.info()
for number in range(5):
    fork(lambda: client.workflows.run({"n": number}))
print(client.app.info().name)
"""
    )
    assert ended(process) == "FakeDify\n"
    assert sorted(run.inputs["n"] for run in fake_dify.runs.values()) == [0, 1, 2, 3, 4]
