"""Simulate the life of one client, from its first call to the end of its event loop."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress

import attrs

from dify_async import AppClient, Retry, Timeouts
from tests.simulation.callers import Bridge, Limiter, Own, Story, make_blocking_call, make_call
from tests.simulation.connection import Session
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.plans import LifePlan, RunPlan
from tests.simulation.server import ScriptedServer

_PROBE = RunPlan(gaps=(0.0,), end_after=5.0)


@attrs.define
class Life:
    """Everything that happened."""

    plan: LifePlan
    server: ScriptedServer
    loop: VirtualLoop
    stories: list[Story]
    limiter: Limiter
    session: Session
    client: AppClient
    stuck: str | None = None
    free_slots: bool = True
    """True if as many runs as before could be open at the same time after all calls had ended."""
    client_closed_step: int | None = None
    open_after_close: int = 0
    loop_ended: tuple[float, int] | None = None
    """When the loop was ended under the calls."""
    tasks_left: list[str] = attrs.Factory(list)


def simulate(plan: LifePlan) -> Life:
    """Run the life of a client as planned."""
    random.seed(plan.seed)
    loop = VirtualLoop()
    plans = dict(enumerate(call.run for call in plan.calls))
    server = ScriptedServer(lambda call: plans.get(call, _PROBE))
    limiter = Limiter(plan)
    session = Session(server, 1 if plan.one_connection else 0)
    client = AppClient(
        "app-simulated",
        user="ada",
        base_url="https://dify.test/v1",
        ssl=False,
        session=session,  # type: ignore[arg-type]
        limiter=None if plan.limiter == "none" else limiter,
        max_concurrent=plan.slots,
        on_abandon=plan.on_abandon,
        timeouts=Timeouts(idle=plan.idle, read=plan.read, connect=5),
        retry=Retry(attempts=plan.attempts),
    )
    stories = [Story(number, call) for number, call in enumerate(plan.calls)]
    life = Life(plan, server, loop, stories, limiter, session, client)
    try:
        _live(life)
    except Stuck as stuck:
        life.stuck = str(stuck)
        _drop_tasks(loop)
    finally:
        loop.close()
    return life


def _live(life: Life) -> None:
    loop, bridge = life.loop, Bridge(life.loop)
    loop.run_until_complete(_begin(life, bridge))
    try:
        for story in life.stories:
            if story.plan.call == "blocking":
                make_blocking_call(life.client, story, bridge, loop)
        tasks = [story.task for story in life.stories if story.task is not None]
        if tasks:
            loop.run_until_complete(asyncio.wait(tasks))
        loop.run_until_complete(_finish(life))
    except RuntimeError:
        if life.loop_ended is None:
            raise
    loop.end()
    life.tasks_left = [repr(task) for task in asyncio.all_tasks(loop)]


async def _begin(life: Life, bridge: Bridge) -> None:
    for story in life.stories:
        if story.plan.call in {"wait", "attach"}:
            story.followed = life.server.start(story.number)
        if story.plan.call != "blocking":
            story.task = asyncio.create_task(make_call(life.client, story))
        _schedule_interruption(life, story, bridge)


def _schedule_interruption(life: Life, story: Story, bridge: Bridge) -> None:
    plan, loop = story.plan, life.loop
    if plan.interruption is None or plan.interruption == "timeout":
        return

    async def close_stream() -> None:
        if story.stream is not None:
            story.closing = (loop.time(), loop.steps)
            with suppress(Own):
                await story.stream.aclose()
            story.closed_step = loop.steps

    async def close_client() -> None:
        with suppress(Own):
            await life.client.close()

    def interrupt() -> None:
        if story.ended is not None:
            return
        if plan.interruption == "cancel" and story.task is None and not bridge.interrupt():
            return
        story.interrupted = (loop.time(), loop.steps)
        match plan.interruption:
            case "cancel" if story.task is not None:
                story.task.cancel()
            case "close":
                loop.create_task(close_stream())
            case "close client":
                loop.create_task(close_client())
            case "close session":
                loop.create_task(life.session.close())
            case "end loop":
                life.loop_ended = (loop.time(), loop.steps)
                loop.stop()

    if plan.seconds is not None:
        loop.call_later(plan.seconds, interrupt)
    else:
        loop.at_step(loop.steps + 3 + plan.step, interrupt)


async def _finish(life: Life) -> None:
    await asyncio.sleep(3)  # Background tasks have ended by then.
    if not life.session.closed and life.plan.limiter in {"none", "counts"}:
        async with life.client as client:
            await _probe(life, client)
    await life.client.close()
    life.client_closed_step = life.loop.steps
    life.open_after_close = len(life.session.open)


async def _probe(life: Life, client: AppClient) -> None:
    """Open as many runs as there are slots, all at the same time."""
    count = 1 if life.plan.one_connection else life.plan.slots
    streams = [client.workflows.stream({"call": 1000 + number}) for number in range(count)]
    probing = asyncio.gather(*(stream.__aenter__() for stream in streams))
    done, _ = await asyncio.wait([probing], timeout=1)
    life.free_slots = bool(done)
    if done:
        await asyncio.gather(*(stream.result() for stream in streams))
        await asyncio.gather(*(stream.aclose() for stream in streams))
    else:
        probing.cancel()
        await asyncio.wait([probing])


def _drop_tasks(loop: VirtualLoop) -> None:
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
