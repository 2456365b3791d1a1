"""Who asks on the Web API: one app's code, one end user, and the passport that says both."""

from __future__ import annotations

import asyncio
import copy
import os
import re
from typing import Any, Final, TypeGuard
from urllib.parse import SplitResult, urlsplit

import attrs

from dify_async._core import web_operations
from dify_async._core.core import Core
from dify_async._core.identity import Credentials, Secret, checked_user
from dify_async._core.operations import Operation
from dify_async._core.request import Options
from dify_async.errors import ConfigurationError, DecodeError, DifyError, LoginRequired, Unauthorized

_RENEWABLE: Final = "unauthorized"
"""The code of a refusal that another passport may help against."""

_CODE: Final = re.compile(r"[A-Za-z0-9_-]+")


@attrs.define(kw_only=True, eq=False)
class WebIdentity:
    """One end user of one web app. Its passport is fetched at its first use, and kept."""

    app_code: str
    user: str | None
    """Who names the same user is the same visitor to the server; without one, each passport is a new one."""
    passport: Secret | None = attrs.field(default=None, repr=False)
    login_token: Secret | None = attrs.field(default=None, repr=False)
    """Of somebody who is logged in: apps that are not public ask for it."""
    _failure: DifyError | None = attrs.field(default=None, init=False, repr=False)
    """Why there is no passport, for those who waited while it was fetched."""

    names_user = False

    @classmethod
    def of(
        cls, app_code: str | None, user: str | None, passport: str | None, login_token: str | None
    ) -> WebIdentity:
        """Take what was given, or `DIFY_APP_CODE` and `DIFY_USER`; refuse what cannot be right."""
        return cls(
            app_code=checked_code(app_code),
            user=checked_user(user),
            passport=None if passport is None else checked_token(passport, "passport"),
            login_token=None if login_token is None else checked_token(login_token, "login_token"),
        )

    def asked_user(self, operation: str) -> str | None:  # noqa: ARG002 - a visitor needs no name
        return self.user

    def for_user(self, user: str) -> WebIdentity:
        """Give another end user of the same app; whoever is logged in stays so."""
        return WebIdentity(app_code=self.app_code, user=checked_user(user), login_token=self.login_token)

    @property
    def secrets(self) -> list[str]:
        return [token for token in (self.passport, self.login_token) if token is not None]

    async def credentials(self, core: Core, kind: Credentials) -> dict[str, str]:
        if kind == "none":
            return {}
        headers: dict[str, str] = {"X-App-Code": self.app_code}
        if kind == "own":
            await self._ensure_passport(core, None)
            assert self.passport is not None
            # Servers up to about 1.9 read the one header, newer ones the other.
            headers["Authorization"] = Secret(f"Bearer {self.passport}")
        elif self.login_token is not None:
            headers["Authorization"] = Secret(f"Bearer {self.login_token}")
        if kind != "code" and self.passport is not None:
            headers["X-App-Passport"] = self.passport
        return headers

    async def renewed(
        self, core: Core, kind: Credentials, refused: dict[str, str], error: Unauthorized
    ) -> dict[str, str] | None:
        may_help = error.code == _RENEWABLE or (
            isinstance(error, LoginRequired) and self.login_token is not None
        )
        if kind != "own" or not may_help:
            return None
        await self._ensure_passport(core, refused["X-App-Passport"])
        return await self.credentials(core, kind)

    async def _ensure_passport(self, core: Core, refused: str | None) -> None:
        """Fetch a passport, unless there is one that is not the refused one."""
        # It is another where it was fetched anew: a public app's reads the same each time.
        if self.passport is not None and self.passport is not refused:
            return
        home = await core.transport.home()
        lock = home.locks.setdefault(self, asyncio.Lock())
        waits = lock.locked()
        async with lock:
            if self.passport is not None and self.passport is not refused:
                return
            if waits and self._failure is not None:
                # One failure for all: each would wait for the clocks of all those before it.
                raise copy.copy(self._failure)
            self._failure = None
            try:
                await self.fetch(core)
            except DifyError as error:
                self._failure = copy.copy(error)
                raise

    async def fetch(self, core: Core, options: Options | None = None) -> Secret:
        """Ask the server for a passport, and keep it."""
        operation = web_operations.GET_PASSPORT
        found = await core.call(operation, query={"user_id": self.user}, options=options or Options())
        self.passport = told_token(core, found.access_token, operation)
        if self.user is None or self.login_token is not None:
            core.transport.uploaded.clear()  # They are of another visitor, perhaps.
        return self.passport


def checked_code(code: str | None) -> str:
    """Give the code of a web app: the last part of its address, which may be given whole."""
    found = code if code is not None else os.environ.get("DIFY_APP_CODE", "")
    if (address := _address(code)) is not None:
        found = address.path.rstrip("/").rpartition("/")[2]
    if not isinstance(found, str) or not _CODE.fullmatch(found):
        raise ConfigurationError(
            "the app code is the last part of the web app's address, as in https://udify.app/chat/CODE: "
            "give app_code= or set DIFY_APP_CODE"
        )
    return found


def server_of(code: str | None) -> str | None:
    """Give the server of a web app whose address is given whole: what stands before `/chat/CODE`."""
    address = _address(code)
    if address is None:
        return None
    before = address.path.rstrip("/").rsplit("/", 2)[0]
    return f"{address.scheme}://{address.netloc}{before}"


def _address(code: str | None) -> SplitResult | None:
    found = code if code is not None else os.environ.get("DIFY_APP_CODE", "")
    try:
        return urlsplit(found) if isinstance(found, str) and "://" in found else None
    except ValueError:
        return None  # Refused as no code either.


def told_token(core: Core, token: object, operation: Operation[Any]) -> Secret:
    """Give a token that the server has told; raise `DecodeError` where it is none."""
    if not _is_token(token):
        raise core.explain(DecodeError("the server told no token that can be used"), operation.asked)
    return Secret(token)


def checked_token(token: object, name: str) -> Secret:
    """Give a token that the caller has; refuse what cannot be one. Never shows it."""
    if not _is_token(token):
        raise ConfigurationError(f"{name} is a token as the server gave it: a text without blanks")
    return Secret(token)


def _is_token(token: object) -> TypeGuard[str]:
    return isinstance(token, str) and re.fullmatch("[!-~]+", token) is not None
