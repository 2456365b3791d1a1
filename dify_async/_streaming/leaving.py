"""Stop a run on the server when its stream is left early, in at most two seconds."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Final

from dify_async._http.api import Api
from dify_async._http.loop_state import STOP_TIMEOUT
from dify_async._http.request import Request
from dify_async._http.response import IncomingResponse
from dify_async._streaming.reader import EventReader
from dify_async._streaming.watch import RunWatch
from dify_async._wire.operation import Operation
from dify_async._wire.results import Progress
from dify_async.errors import DifyError
from dify_async.options import AppCallOptions
from dify_async.settings import Timeouts

_log: Final = logging.getLogger("dify_async.stream")


async def stop_run(
    api: Api,
    request: Request,
    stop: Operation[Any],
    progress: Progress,
    *,
    opening: asyncio.Task[IncomingResponse] | None,
    reader: EventReader | None,
    accumulate: Callable[[list[bytes]], None],
    watch: RunWatch | None,
) -> None:
    """Ask the server to stop a run. A failure is logged and not raised.

    The connection of the stream is closed first, because a session may allow only one. If the task id is not
    known yet, the stream is read until it arrives.

    Args:
        api: The app's access to the server.
        request: The request that started the run.
        stop: The operation that stops it.
        progress: The progress of the stream; updated by `accumulate`.
        opening: The request, if its response has not arrived yet.
        reader: The stream, if it is open.
        accumulate: Called with the events that are read here.
        watch: Notifies observers. None if there are none.
    """
    problem: str | None = None
    try:
        async with asyncio.timeout(STOP_TIMEOUT):
            if opening is not None:
                reader = EventReader(await opening, api.transport.settings.max_event_bytes)
            while reader is not None and progress.task_id is None and not reader.ended:
                deadline = asyncio.get_running_loop().time() + STOP_TIMEOUT
                accumulate(await reader.read(deadline))
            if reader is not None:
                reader.close()
            if progress.task_id is None:
                problem = "the server sent no task id"
            elif not progress.complete:
                options: AppCallOptions = {
                    "timeout": Timeouts(connect=STOP_TIMEOUT, read=STOP_TIMEOUT),
                    "extra_headers": request.extra_headers,
                }
                if api.auth.sends_user:
                    options["user"] = request.user
                await api.call(stop, options, ids={"task_id": progress.task_id})
    except asyncio.CancelledError:
        if opening is None or not opening.cancelled():
            raise
        problem = "the event loop ended before the server responded"  # At its end, it cancels all tasks.
    except TimeoutError:
        problem = f"no {'response' if progress.task_id else 'task id'} within {STOP_TIMEOUT:g} s"
    except DifyError as error:
        problem = str(error)
    finally:
        if opening is not None:
            abandon(opening)
        if reader is not None:
            reader.close()
    if watch is not None and not progress.complete:
        watch.stopped(problem)
    if problem is not None and not progress.complete:
        _log.warning("%s: left early, and the run was not stopped: %s", request.operation.name, problem)


def abandon(task: asyncio.Task[Any]) -> None:
    """Cancel a task. If it returns a response nevertheless, close the response."""
    task.cancel()
    task.add_done_callback(_close_response)


def _close_response(task: asyncio.Task[Any]) -> None:
    if task.cancelled() or task.exception() is not None:
        return
    result = task.result()
    if isinstance(result, IncomingResponse):
        result.close()
