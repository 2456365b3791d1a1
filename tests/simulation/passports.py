"""Simulate visitors of a web app who share one passport."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from typing import Any, Final, Literal, TypeAlias

import attrs

from dify_async import Retry, Timeouts, WebAppClient, errors
from tests.simulation.connection import Reply, Sent, Session
from tests.simulation.loop import Stuck, VirtualLoop
from tests.simulation.plans import RunPlan
from tests.simulation.server import ScriptedServer

Issue: TypeAlias = Literal["valid", "invalid", "refused", "500", "503", "429", "404", "vanishes", "empty"]

_READ: Final = 10.0


@attrs.frozen
class PassportPlan:
    """Calls with one client, and the server's responses to requests for a passport."""

    starts: tuple[float, ...] = (0.0,)
    """Seconds after which each call is made."""
    issues: tuple[Issue, ...] = ()
    """Answers to requests for a passport, one after the other; then they are valid."""
    after: float = 0.0
    """Seconds that such an answer takes."""
    expire: tuple[float, ...] = ()
    """Seconds after which all passports until then become invalid."""
    cancelled: int | None = None
    """A call that is cancelled."""
    cancelled_after: float = 0.0
    attempts: int = 3
    seed: int = 0


class _Server:
    """Requires a passport for each request to the scripted server."""

    def __init__(self, plan: PassportPlan, inner: ScriptedServer) -> None:
        self._plan = plan
        self._inner = inner
        self._valid: set[str] = set()
        self.issued = 0
        self.rejected: list[str | None] = []

    def expire(self) -> None:
        self._valid.clear()

    def handle(self, request: Sent) -> Reply:
        if request.path.endswith("/passport"):
            return self._issue()
        passport = request.headers.get("X-App-Passport")
        if passport not in self._valid:
            self.rejected.append(passport)
            return Reply(status=401, body=b'{"code": "unauthorized", "message": "no", "status": 401}')
        return self._inner.handle(request)

    def _issue(self) -> Reply:
        self.issued += 1
        planned, after = self._plan.issues, self._plan.after
        how = planned[self.issued - 1] if self.issued <= len(planned) else "valid"
        token = f"passport-{self.issued}"
        match how:
            case "refused":
                return Reply(refused=True)
            case "vanishes":
                return Reply(vanishes=True, after=after)
            case "empty":
                return Reply(body=b"{}", after=after)
            case "valid" | "invalid":
                if how == "valid":
                    self._valid.add(token)
                return Reply(body=json.dumps({"access_token": token}).encode(), after=after)
        return Reply(status=int(how), body=b'{"code": "trouble", "message": "no"}', after=after)


@attrs.define
class PassportLife:
    """Everything that happened."""

    plan: PassportPlan
    server: _Server
    runs: ScriptedServer
    ends: list[Any] = attrs.Factory(list)
    """The result or the exception of each call."""
    stuck: str | None = None
    complaints: list[str] = attrs.Factory(list)


def simulate_passports(plan: PassportPlan) -> PassportLife:
    """Make the planned calls."""
    random.seed(plan.seed)
    loop = VirtualLoop()
    inner = ScriptedServer(lambda _: RunPlan(gaps=(0.5,), end_after=0.5))
    server = _Server(plan, inner)
    life = PassportLife(plan, server, inner)
    try:
        life.ends = loop.run_until_complete(_live(plan, server))
        loop.end()
    except Stuck as stuck:
        life.stuck = str(stuck)
    finally:
        loop.close()
    life.complaints = loop.complaints
    return life


async def _live(plan: PassportPlan, server: _Server) -> list[Any]:
    loop = asyncio.get_running_loop()
    client = WebAppClient(
        "simulated",
        user="ada",
        base_url="https://dify.test/api",
        ssl=False,
        session=Session(server),  # type: ignore[arg-type]
        timeouts=Timeouts(read=_READ, connect=5),
        retry=Retry(attempts=plan.attempts),
    )

    async def call(number: int, after: float) -> Any:
        await asyncio.sleep(after)
        return await client.workflows.run({"call": number})

    async with client:
        tasks = [asyncio.create_task(call(number, after)) for number, after in enumerate(plan.starts)]
        for seconds in plan.expire:
            loop.call_later(seconds, server.expire)
        if plan.cancelled is not None:
            loop.call_later(plan.cancelled_after, tasks[plan.cancelled % len(tasks)].cancel)
        return await asyncio.gather(*tasks, return_exceptions=True)


def passport_violations(life: PassportLife) -> list[str]:
    """Return the violated promises about passports."""
    return list(_violations(life))


def _violations(life: PassportLife) -> Iterator[str]:
    plan = life.plan
    if life.stuck is not None:
        yield life.stuck
        return
    yield from (f"asyncio complains: {text}" for text in life.complaints)
    is_good = not plan.issues and not plan.expire and plan.after < _READ
    for number, end in enumerate(life.ends):
        is_cancelled = plan.cancelled is not None and number == plan.cancelled % len(life.ends)
        if isinstance(end, asyncio.CancelledError) and is_cancelled:
            continue
        if isinstance(end, BaseException) and not isinstance(end, errors.DifyError):
            yield f"call {number} raised {end!r}"
        if not isinstance(end, BaseException) and end.outputs["call"] != number:
            yield f"call {number} got {end.outputs}"
        if isinstance(end, errors.DifyError) and is_good:
            yield f"call {number} raised {end!r}"
    for number in range(len(life.ends)):
        if sum(run.call == number for run in life.runs.runs) > 1:
            yield f"call {number} was started twice"
    # Calls that wait for the same passport share one fetch and its retries. There is one fetch for each time
    # that passports were rejected, and one for each time that calls begin.
    waits = plan.after > 0 and "refused" not in plan.issues
    occasions = len(set(plan.starts) if waits else plan.starts)
    occasions += len(plan.expire) + plan.issues.count("invalid")
    if plan.cancelled is not None:
        occasions += 1
    if life.server.issued > plan.attempts * occasions:
        yield f"{life.server.issued} requests for a passport on {occasions} occasions"
    if is_good and plan.cancelled is None and life.server.issued != 1:
        yield f"{life.server.issued} passports for one visitor"
    if len(life.server.rejected) > 2 * len(life.ends):
        yield f"{len(life.server.rejected)} requests with a rejected passport"
