"""The number of functions of this package in a call, because a reader has to follow each of them."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType

import pytest

import dify_async
from dify_async import AppClient

PACKAGE = str(Path(dify_async.__file__).parent)

Journey = Callable[[AppClient], Awaitable[object]]

JOURNEYS: dict[str, tuple[int, Journey]] = {
    "app.info()": (12, lambda client: client.app.info()),
    "workflows.logs(), one page": (18, lambda client: client.workflows.logs().first_page()),
    "workflows.run()": (45, lambda client: client.workflows.run({})),
}
"""The most functions that are accepted, and the call."""


async def _functions_of(journey: Journey, client: AppClient) -> set[str]:
    """Make a call, and return the functions of the package that it enters."""
    entered: set[str] = set()

    def profile(frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            entered.add(f"{code.co_filename.removeprefix(PACKAGE)} {code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        await journey(client)
    finally:
        sys.setprofile(before)
    return {name for name in entered if not name.startswith("/testing/")}


@pytest.mark.parametrize("name", JOURNEYS)
async def test_a_call_goes_through_few_functions(client: AppClient, name: str) -> None:
    most, journey = JOURNEYS[name]
    await journey(client)  # The first call also opens a connection.
    # Warm: a cached function is entered only for a new value, such as the next second of the time.
    functions = set.intersection(*[await _functions_of(journey, client) for _ in range(3)])
    assert len(functions) > 5
    assert len(functions) <= most, "\n".join(sorted(functions))
