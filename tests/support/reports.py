"""A pytest plugin for readable failures: formatting one runs no other code and never ends the whole run."""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Format a failure without the garbage collector, and report it even if that is not possible.

    pytest parses source to show the statement that failed, and Python 3.11 does to format a traceback. If an
    object that warns is collected in the middle, its warning is formatted inside of the other: "SystemError:
    AST constructor recursion depth mismatch". Raised here, an error would be an internal one, which ends
    the worker of xdist and hides the results of all the others.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        return (yield)
    except Exception as error:
        what = call.excinfo.exconly() if call.excinfo is not None else "no exception"
        return pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords=dict.fromkeys(item.keywords, 1),
            outcome="failed",
            longrepr=f"{what}\n\nIts traceback cannot be shown: {error!r}",
            when=call.when,
            duration=call.duration,
            start=call.start,
            stop=call.stop,
        )
    finally:
        if was_enabled:
            gc.enable()
