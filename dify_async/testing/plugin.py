"""The pytest plugin: the fixture `fake_dify`, its marker, and the check for faults that were not used."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest

from dify_async.testing.fake import FakeDify
from dify_async.testing.version import ServerVersion

_TAIL: Final = 0.2
"""Seconds that streams stay open at most; long enough to notice clients that wait for it."""


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line(
        "markers", "fake_dify(**settings): arguments of the fixture fake_dify, such as version='1.16'"
    )


@pytest.fixture
def fake_dify_version() -> str:
    """Return the version of Dify that `fake_dify` imitates. Override it to run tests on others."""
    return "1.14"


@pytest.fixture
def fake_dify(request: pytest.FixtureRequest, fake_dify_version: str) -> Iterator[FakeDify]:
    """Yield a Dify server for one test."""
    # aiohttp's own deprecation, when the parts of an uploaded form arrive in an unlucky way.
    warnings.filterwarnings("ignore", r"unread_data\(\) is deprecated", DeprecationWarning)
    marker = request.node.get_closest_marker("fake_dify")
    settings: dict[str, Any] = {"version": fake_dify_version, **(marker.kwargs if marker is not None else {})}
    settings.setdefault("tail", min(_TAIL, ServerVersion.parse(settings["version"]).tail))
    with FakeDify(**settings) as dify:
        yield dify


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test that leaves faults which no request has met."""
    result = yield
    dify = pyfuncitem.funcargs.get("fake_dify")
    if isinstance(dify, FakeDify) and dify.unused_faults:
        unused = ", ".join(map(repr, dify.unused_faults))
        pytest.fail(f"no request met these faults of fake_dify: {unused}", pytrace=False)
    return result
