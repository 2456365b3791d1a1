"""A reminder: when this test passes, remove the shim in conftest.py."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.limits import HANGS_AFTER

PROGRAM = """
import asyncio, aiohttp
from aioresponses import aioresponses

async def main():
    with aioresponses() as server:
        server.get("http://x.test/", body=b"ok")
        async with aiohttp.ClientSession() as session, session.get("http://x.test/") as answer:
            assert await answer.read() == b"ok"

asyncio.run(main())
"""


@pytest.mark.xfail(strict=True, reason="aioresponses 0.7.9 does not know aiohttp 3.14 (upstream issue 289)")
def test_aioresponses_works_without_the_shim() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, timeout=HANGS_AFTER, check=False
    )
    assert done.returncode == 0
