"""The promises about a run, checked against everything that happened in a simulated life.

Each check yields sentences, one for each broken promise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Final

from dify_async import errors, events
from tests.simulation.callers import Own, Story
from tests.simulation.life import Life
from tests.simulation.plans import Delivery
from tests.simulation.server import Logged, Run

_SLACK: Final = 0.02
_STOPPING: Final = 2.0
"""Seconds that leaving a run may take."""
_GIVEN_UP: Final = 1260.0

_NOT_STARTED: Final = {"refused", "busy", "unauthorized"}
"""Reactions after which a run certainly did not start."""
_NO_TROUBLE: Final = {"stream", "refused", "vanishes", "500", "429", "pings", "silent", "json", "true"}
"""Answers to those who look for a run that must not keep them from finding it."""

Check = Callable[[Life], Iterator[str]]


def run_of(life: Life, story: Story) -> Run | None:
    """Return the run that a call started or followed; the last one if there are several."""
    if story.followed is not None:
        return story.followed
    runs = [run for run in life.server.runs if run.call == story.number]
    return runs[-1] if runs else None


def requests(life: Life, story: Story, *kinds: str) -> list[Logged]:
    return [one for one in life.server.log if one.call == story.number and one.kind in kinds]


def nothing_hangs(life: Life) -> Iterator[str]:
    if life.stuck is not None:
        yield life.stuck
    elif life.loop_ended is None:
        for story in life.stories:
            if story.ended is None and (story.task is None or not story.task.done()):
                yield f"call {story.number} never ended"


def nothing_is_left(life: Life) -> Iterator[str]:
    if life.stuck is not None:
        return
    if not life.free_slots:
        yield "not all slots were released"
    if life.limiter.holders:
        yield f"the limiter is held {life.limiter.holders} times"
    if life.open_after_close or life.session.open:
        yield "connections are open after the client was closed"
    yield from (f"a task is left: {task}" for task in life.tasks_left)
    yield from (f"asyncio complains: {text}" for text in life.loop.complaints)


def only_expected_errors(life: Life) -> Iterator[str]:
    for story in life.stories:
        error, plan = story.error, story.plan
        if error is None or isinstance(error, errors.DifyError):
            continue
        is_expected = (
            isinstance(error, Own)
            or (isinstance(error, TimeoutError) and plan.interruption == "timeout")
            or (
                isinstance(error, asyncio.CancelledError)
                and (
                    plan.interruption == "cancel"
                    or life.plan.limiter == "cancels"
                    or life.loop_ended is not None
                )
            )
        )
        if not is_expected:
            yield f"call {story.number} raised {error!r}"


def started_at_most_once(life: Life) -> Iterator[str]:
    for story in life.stories:
        posts = requests(life, story, "start")
        if any(post.reaction not in _NOT_STARTED for post in posts[:-1]):
            yield f"call {story.number} was sent again: {[post.reaction for post in posts]}"
        if len(posts) > life.plan.attempts:
            yield f"call {story.number} was sent {len(posts)} times"


def results_are_right(life: Life) -> Iterator[str]:
    for story in life.stories:
        run, result, error = run_of(life, story), story.result, story.error
        if isinstance(error, errors.RunFailed):
            result = error.result
        if result is not None and run is not None:
            status = run.status(life.loop.time())
            if isinstance(error, errors.RunFailed) and run.plan.end == "error":
                status = "failed"
            if str(result.status) != status:
                yield f"call {story.number} got {result.status}, the run is {status}"
            if result.workflow_run_id not in {run.run_id, None}:
                yield f"call {story.number} got run {result.workflow_run_id}, not {run.run_id}"
            expected = run.outputs() if status in {"succeeded", "failed"} and run.plan.end != "error" else {}
            if result.outputs != expected:
                yield f"call {story.number} got {result.outputs}, not {expected}"
        if story.handle is not None and (run is None or story.handle.run_id != run.run_id):
            yield f"call {story.number} got the handle of another run"
        if _must_know_the_end(life, story):
            ok = story.handle is not None or result is not None or isinstance(error, errors.ApiError)
            if story.plan.call in {"iterate", "blocking", "text"}:
                ok = ok and (story.handle is not None or run is None or story.left is not None)
            if not ok:
                yield f"call {story.number} should know how its run ended, and raised {error!r}"


def _must_know_the_end(life: Life, story: Story) -> bool:
    """Return True if nothing happened that may prevent a patient caller from receiving the end of the run."""
    plan, run = story.plan, run_of(life, story)
    if (
        run is None
        or plan.call == "attach"
        or plan.total is not None
        or plan.interruption is not None
        or plan.leaves_after is not None
        or plan.ping_raises
        or plan.run.end in {"never", "foreign"}
        # Only a stream reports a pause reliably: the record may be older than the form that was just submitted.
        or (plan.run.end == "paused" and plan.run.then_followed != ("stream", Delivery()))
        or life.plan.limiter not in {"none", "counts"}
        or any(other.plan.interruption not in {None, "cancel", "timeout", "close"} for other in life.stories)
    ):
        return False
    posts = requests(life, story, "start")
    if any(post.reaction not in {"stream", "refused", "busy"} for post in posts):
        return False
    if any(one.reaction not in _NO_TROUBLE for one in requests(life, story, "follow", "record")):
        return False
    if posts and not run.id_arrived:
        return False
    silences = [*plan.run.gaps, plan.run.end_after, plan.run.headers_after]
    return max(silences) + 10 < min(life.plan.idle, life.plan.read) or (
        plan.run.delivery.pings and plan.run.headers_after < life.plan.idle and life.plan.idle > 11
    )


def timeouts_are_true(life: Life) -> Iterator[str]:
    for story in life.stories:
        run, error, ended = run_of(life, story), story.error, story.ended
        if ended is None or story.started_at is None:
            continue
        at = story.left[0] if story.left is not None else ended[0]
        if isinstance(error, errors.IdleTimeout) and run is not None:
            if run.end_arrived is not None and run.end_arrived[0] < at:
                yield f"call {story.number}: an idle timeout, though the last event had arrived"
            if at - run.last_byte_at < life.plan.idle - _SLACK:
                yield f"call {story.number}: an idle timeout after {at - run.last_byte_at:.1f} s"
        if isinstance(error, errors.TotalTimeout):
            total = story.plan.total
            if total is None or at - story.started_at < total - _SLACK:
                yield f"call {story.number}: a total timeout after {at - story.started_at:.1f} s"


def stopped_when_due(life: Life) -> Iterator[str]:
    for story in life.stories:
        runs = [run for run in life.server.runs if run.call == story.number]
        for run in runs:
            stops = [one for one in requests(life, story, "stop") if one.run is run]
            left = _leaving(life, story)
            if stops and not _may_stop(life, story, run, left, stops[0]):
                yield f"call {story.number}: its run was stopped at {stops[0].at - run.started_at:.1f} s"
            if not stops and left is not None and _must_stop(life, story, run, left):
                yield f"call {story.number}: its run was not stopped"
            if stops and left is not None and stops[0].at > left[0] + _STOPPING + _SLACK:
                yield f"call {story.number}: its run was stopped late"
            if len(stops) > life.plan.attempts:
                yield f"call {story.number}: its run was stopped {len(stops)} times"


def _leaving(life: Life, story: Story) -> tuple[float, int] | None:
    """Return when the caller closed the stream of a run, or was cancelled."""
    moments = [story.left, story.closing, _interruption(life, story)]
    return min((moment for moment in moments if moment is not None), key=lambda one: one[1], default=None)


def _interruption(life: Life, story: Story) -> tuple[float, int] | None:
    """Return when the call was cancelled or interrupted."""
    found = [life.loop_ended]
    for other in life.stories:
        if other.plan.interruption in {"close client", "close session"}:
            found.append(other.interrupted)
    if story.plan.interruption in {"cancel", "timeout"}:
        found.append(story.interrupted)
    posts = requests(life, story, "start")
    total = story.plan.total
    if total is not None and posts and story.left is None and story.ended is not None:
        expires = posts[0].at + total
        found += [(expires, posts[-1].step)] if expires <= story.ended[0] else []
    moments = [moment for moment in found if moment is not None]
    moments = [moment for moment in moments if story.ended is None or moment[1] <= story.ended[1]]
    return min(moments, key=lambda one: one[1], default=None)


def _may_stop(life: Life, story: Story, run: Run, left: tuple[float, int] | None, stop: Logged) -> bool:
    # The client takes a few steps to look at a record, or at a stream that it has attached to.
    slack = 4 if requests(life, story, "follow", "record") else 0
    return (
        story.plan.call not in {"wait", "attach"}
        and life.plan.on_abandon == "stop"
        and (story.detached_step is None or (left is not None and left[1] <= story.detached_step))
        and story.handle is None
        and left is not None
        and left[1] <= stop.step
        and (run.end_arrived is None or run.end_arrived[1] >= left[1] - slack)
        and not (_gave_up(story) and _interruption(life, story) is None)
    )


def _must_stop(life: Life, story: Story, run: Run, left: tuple[float, int]) -> bool:
    known = run.task_arrived_at
    return (
        story.plan.call not in {"wait", "attach"}
        and life.plan.on_abandon == "stop"
        and story.detached_step is None
        and not (_gave_up(story) and _interruption(life, story) is None)
        and not life.session.closed
        and not (story.plan.call == "submit" and life.plan.limiter == "raises at the end")
        and not run.is_unclear
        and story.handle is None
        and story.result is None
        and known is not None
        and known <= left[0] + _STOPPING - _SLACK
        and (run.end_arrived is None or run.end_arrived[0] > left[0] + _STOPPING)
        and (life.loop_ended is None or not _is_cut_short(story, known, life.loop_ended))
    )


def _is_cut_short(story: Story, known: float, loop_ended: tuple[float, int]) -> bool:
    """Return True if the loop ended before the run could be stopped."""
    is_leaving = story.left is not None and story.left[1] <= loop_ended[1]
    return is_leaving or known > loop_ended[0]


def _gave_up(story: Story) -> bool:
    """Return True if the client lost the run."""
    error = story.inside or story.error
    return isinstance(error, (errors.StreamInterrupted, errors.OutcomeUnknown, errors.ConnectionFailed))


def nothing_twice(life: Life) -> Iterator[str]:
    for story in life.stories:
        seen: set[tuple[str, str]] = set()
        pieces: list[int] = []
        for _, event in story.events:
            if isinstance(event, events.TextChunk):
                pieces.append(int(event.data.text))
                continue
            key = (event.event, getattr(getattr(event, "data", None), "id", ""))
            if key in seen and event.event != "workflow_paused":
                yield f"call {story.number}: {key} was delivered twice"
            seen.add(key)
        if pieces != sorted(set(pieces)):
            yield f"call {story.number}: text was delivered as {pieces}"
        has_gap = pieces != list(range(len(pieces)))
        if has_gap and story.plan.call != "attach" and story.result is not None and not story.result.gap:
            yield f"call {story.number}: the gap in {pieces} was not reported"


def nothing_after_closing(life: Life) -> Iterator[str]:
    for story in life.stories:
        if story.closing is None:
            continue
        at, step = story.closing
        if any(delivered > step for delivered, _ in story.events):
            yield f"call {story.number}: an event was delivered after the stream was closed"
        # A request that starts a run is not cancelled once it is being sent.
        late = [
            one
            for one in requests(life, story, "start", "follow", "record")
            if one.step > step + (one.kind == "start")
        ]
        if late:
            yield f"call {story.number}: {len(late)} requests after the stream was closed"
        was_open = any(one.step <= step for one in requests(life, story, "start", "follow", "record"))
        if (
            was_open
            and story.ended is not None
            and story.ended[0] > at + story.plan.pause + _STOPPING + _SLACK
        ):
            yield f"call {story.number}: its reader ended {story.ended[0] - at:.1f} s after the stream was closed"
    if life.client_closed_step is not None:
        late = [one for one in life.server.log if one.step > life.client_closed_step]
        if late:
            yield f"{len(late)} requests after the client was closed"


def requests_are_bounded(life: Life) -> Iterator[str]:
    for story in life.stories:
        times = [one.at for one in requests(life, story, "follow", "record")]
        for first, last in zip(times, times[40:], strict=False):
            if last - first < 5:
                yield f"call {story.number}: 40 requests within {last - first:.1f} s"
                break
        run, ended = run_of(life, story), story.ended
        if run is None or ended is None or story.started_at is None:
            continue
        total, sent = story.plan.total, requests(life, story, "start", "follow", "record")
        if total is not None and sent and story.plan.pause == 0:
            seconds = ended[0] - sent[0].at  # Waiting for a slot does not count.
            if seconds > total + _STOPPING + _SLACK:
                yield f"call {story.number} took {seconds:.1f} s, not {total}"
        last_event = max(run.moments[-1].at, run.last_byte_at, sent[0].at if sent else ended[0])
        if ended[0] > last_event + _GIVEN_UP + life.plan.idle + life.plan.read + 40 * (1 + story.plan.pause):
            yield f"call {story.number} ended {ended[0] - last_event:.0f} s after the last event of its run"


CHECKS: Final[tuple[Check, ...]] = (
    nothing_hangs,
    nothing_is_left,
    only_expected_errors,
    started_at_most_once,
    results_are_right,
    timeouts_are_true,
    stopped_when_due,
    nothing_twice,
    nothing_after_closing,
    requests_are_bounded,
)


def violations(life: Life) -> list[str]:
    """Return the violated promises, with the check that found each."""
    return [f"{check.__name__}: {text}" for check in CHECKS for text in check(life)]
