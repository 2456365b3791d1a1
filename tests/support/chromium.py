"""A headless Chromium, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import aiohttp

from tests.support.limits import HANGS_AFTER

CHROMIUM: Final = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

_QUIET: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)


class Page:
    """A page in the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse, site: str) -> None:
        self._socket = socket
        self._site = site
        self._numbers = itertools.count(1)

    async def evaluate(self, code: str) -> Any:
        """Return the value of a JavaScript expression; a promise is awaited."""
        options = {"awaitPromise": True, "returnByValue": True}
        found = await self._call("Runtime.evaluate", expression=code, **options)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    async def open(self, path: str) -> None:
        """Navigate to a page of the site, and wait until it is complete."""
        url = self._site + path
        await self._call("Page.navigate", url=url)
        loaded = "new Promise(done => document.readyState == 'complete' ? done() : onload = done)"
        await self.until(f"location.href == {url!r}")
        await self.evaluate(f"{loaded}.then(() => 0)")

    async def until(self, condition: str) -> None:
        """Wait until a JavaScript expression is true."""
        async with asyncio.timeout(HANGS_AFTER):
            while not await self.evaluate(f"Boolean({condition})"):
                await asyncio.sleep(0.05)

    async def _call(self, method: str, **params: Any) -> Any:
        number = next(self._numbers)
        await self._socket.send_json({"id": number, "method": method, "params": params})
        while True:
            message = await self._socket.receive_json()
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]


@asynccontextmanager
async def chromium(site: str) -> AsyncIterator[Page]:
    """Yield a page of a new browser, for the pages of a site."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM, *_QUIET, f"--user-data-dir={profile}", "about:blank", stderr=asyncio.subprocess.PIPE
        )
        assert process.stderr is not None
        try:
            async with asyncio.timeout(HANGS_AFTER):
                line = b""
                while b"DevTools listening on " not in line:
                    line = await process.stderr.readline()
            port = line.decode().split("//")[1].split("/")[0]
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://{port}/json/list") as answer:
                    pages = [page for page in await answer.json() if page["type"] == "page"]
                async with session.ws_connect(pages[0]["webSocketDebuggerUrl"]) as socket:
                    yield Page(socket, site)
        finally:
            process.kill()
            await process.communicate()
