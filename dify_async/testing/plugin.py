"""The pytest plugin: fixtures, their marker, and the check for faults that were not applied."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from typing import Any, Final, cast

import pytest

from dify_async import AppClient, sync
from dify_async.testing.fake import FakeDify
from dify_async.testing.scenario import App, Chat, Completion, Workflow
from dify_async.testing.version import ServerVersion

_TAIL: Final = 0.2
"""Maximum time in seconds that streams stay open; long enough to notice clients that wait for the end."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "fake_dify(**settings): arguments of the fixtures with a FakeDify, such as version='1.16'"
    )


@pytest.fixture
def fake_dify_version() -> str:
    """Return the version of Dify that `fake_dify` imitates. Override it to run tests on others."""
    return "1.14"


@pytest.fixture
def fake_dify(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server for one test."""
    yield from _serving(request, fake_dify_version)


@pytest.fixture
def fake_workflow(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server whose app is a workflow."""
    yield from _serving(request, fake_dify_version, Workflow())


@pytest.fixture
def fake_chatflow(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server whose app is a chatflow."""
    yield from _serving(request, fake_dify_version, Workflow(mode="advanced-chat"))


@pytest.fixture
def fake_chat(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server whose app is a chat."""
    yield from _serving(request, fake_dify_version, Chat())


@pytest.fixture
def fake_agent(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server whose app is an agent."""
    yield from _serving(request, fake_dify_version, Chat(mode="agent-chat"))


@pytest.fixture
def fake_completion(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server whose app is a completion."""
    yield from _serving(request, fake_dify_version, Completion())


@pytest.fixture
def dify_client(fake_dify: FakeDify) -> AppClient:
    """Return an async client of `fake_dify`. It is closed with the event loop of the test."""
    return fake_dify.client()


@pytest.fixture
def sync_dify_client(fake_dify: FakeDify) -> Iterator[sync.AppClient]:
    """Yield a blocking client of `fake_dify`."""
    with fake_dify.sync_client() as client:
        yield client


def _serving(request: pytest.FixtureRequest, version: str, app: App | None = None) -> Iterator[FakeDify]:
    # aiohttp causes this warning itself, depending on how the parts of an uploaded form arrive.
    warnings.filterwarnings("ignore", r"unread_data\(\) is deprecated", DeprecationWarning)
    # pytest before 9.2 does not declare the type of `node`.
    test = cast("pytest.Item", request.node)  # pyright: ignore[reportUnknownMemberType]
    marker = test.get_closest_marker("fake_dify")
    settings: dict[str, Any] = {"version": version, **(marker.kwargs if marker is not None else {})}
    settings.setdefault("tail", min(_TAIL, ServerVersion.parse(settings["version"]).tail))
    if app is not None:
        settings.setdefault("app", app)
    with FakeDify(**settings) as dify:
        yield dify


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test if one of its faults was not applied to any request."""
    result = yield
    for name, dify in pyfuncitem.funcargs.items():
        if isinstance(dify, FakeDify) and dify.unused_faults:
            unused = ", ".join(map(repr, dify.unused_faults))
            pytest.fail(f"no request met these faults of {name}: {unused}", pytrace=False)
    return result
