"""Who uses a web app: passports, and logins for apps that are not public."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import attrs

from dify_async._core import web_operations
from dify_async._core.core import Core
from dify_async._core.identity import is_text
from dify_async._core.operations import Operation
from dify_async._core.passport import WebIdentity, told_token
from dify_async._core.request import Options
from dify_async._types import Json
from dify_async.errors import ConfigurationError
from dify_async.models import EmailCodeSent, Login, LoginStatus, ResetCheck
from dify_async.settings import Timeouts


@attrs.frozen
class Auth:
    """Log in to web apps that are not public. Community servers and the cloud have only public ones.

    A public app needs none of this: its passport is fetched with the first call. What `login` and
    `login_with_code` bring is kept by the client and used from the next call on.
    """

    _core: Core
    _identity: WebIdentity

    async def passport(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> str:
        """Get a new passport, and use it from now on. Calls do so by themselves when they need one.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            NotFound: there is no app of this code, or its web page is switched off.
            LoginRequired: the app is not public.
        """
        options = Options(timeout=timeout, extra_headers=extra_headers)
        return str(await self._identity.fetch(self._core, options))

    async def login(
        self,
        email: str,
        password: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Login:
        """Log in by password; a passport is fetched anew with the next call.

        Args:
            email: The account's e-mail.
            password: Its password, as it is. It travels as base64, which hides nothing: use https.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            AuthenticationFailed: the two do not fit, or there is no such account.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        encoded = _encoded(password, "password")
        return await self._logged_in(
            web_operations.LOGIN,
            {"email": email, "password": encoded},
            (password, encoded),
            Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def send_login_code(
        self,
        email: str,
        *,
        language: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> EmailCodeSent:
        """Have six digits sent by e-mail, for `login_with_code`.

        Args:
            email: The account's e-mail.
            language: Of the mail: `zh-Hans`, or anything else for English.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Returns:
            Its `data` is the `token` that goes back with the digits, within five minutes.

        Raises:
            NotSupportedByServer: the server is not of the enterprise edition.
            RateLimited: too many mails.
        """
        return await self._core.call(
            web_operations.SEND_LOGIN_CODE,
            body=_mail(email, language),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def login_with_code(
        self,
        email: str,
        code: str,
        token: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> Login:
        """Log in by the digits of an e-mail; a passport is fetched anew with the next call.

        Args:
            email: The account's e-mail.
            code: The six digits.
            token: From `send_login_code`: its `data`.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: the digits are wrong.
            ServerError: the token is unknown or older than five minutes (server 1.14).
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        encoded = _encoded(code, "code")
        return await self._logged_in(
            web_operations.LOGIN_WITH_CODE,
            {"email": email, "code": encoded, "token": token},
            (code, encoded, token),
            Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def send_password_reset(
        self,
        email: str,
        *,
        language: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> EmailCodeSent:
        """Have six digits sent by e-mail, for `check_password_reset`: the first of three steps.

        Args:
            email: The account's e-mail.
            language: Of the mail: `zh-Hans`, or anything else for English.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Returns:
            Its `data` is the `token` of the second step.

        Raises:
            NotSupportedByServer: the server is not of the enterprise edition.
            RateLimited: too many mails.
        """
        return await self._core.call(
            web_operations.SEND_PASSWORD_RESET,
            body=_mail(email, language),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def check_password_reset(
        self,
        email: str,
        code: str,
        token: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> ResetCheck:
        """Have the digits of an e-mail checked: the second of three steps.

        Args:
            email: The account's e-mail.
            code: The six digits.
            token: From the first step.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Returns:
            Its `token` is that of the third step, and another than that of the first.

        Raises:
            BadRequest: the digits or the token are wrong.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        return await self._core.call(
            web_operations.CHECK_PASSWORD_RESET,
            body={"email": email, "code": code, "token": token},
            secrets=(code, token),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def reset_password(
        self,
        token: str,
        new_password: str,
        *,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> None:
        """Set a new password: the last of three steps.

        Args:
            token: From the second step.
            new_password: Eight characters or more, with a letter and a digit.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: the token is wrong, or the password too weak.
            NotSupportedByServer: the server is not of the enterprise edition.
        """
        await self._core.call(
            web_operations.RESET_PASSWORD,
            body={"token": token, "new_password": new_password, "password_confirm": new_password},
            secrets=(token, new_password),
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def status(
        self,
        *,
        user_id: str | None = None,
        timeout: float | Timeouts | None = None,
        extra_headers: Mapping[str, str] | None = None,
    ) -> LoginStatus:
        """Ask whether somebody is logged in, and whether the app takes them.

        Args:
            user_id: Also ask whether the passport is this end user's.
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.

        Raises:
            BadRequest: there is no app of this code.
        """
        return await self._core.call(
            web_operations.GET_LOGIN_STATUS,
            query={"app_code": self._identity.app_code, "user_id": user_id},
            options=Options(timeout=timeout, extra_headers=extra_headers),
        )

    async def logout(
        self, *, timeout: float | Timeouts | None = None, extra_headers: Mapping[str, str] | None = None
    ) -> None:
        """Forget who is logged in, and the passport. The server revokes nothing: it only deletes a cookie.

        Args:
            timeout: Seconds for the whole call, or clocks of its own.
            extra_headers: Headers besides the client's.
        """
        self._identity.login_token = self._identity.passport = None
        await self._core.call(
            web_operations.LOGOUT, options=Options(timeout=timeout, extra_headers=extra_headers)
        )

    async def _logged_in(
        self, operation: Operation[Login], body: dict[str, Json], secrets: tuple[str, ...], options: Options
    ) -> Login:
        login = await self._core.call(operation, body=body, secrets=secrets, options=options)
        self._identity.login_token = told_token(self._core, login.data.access_token, operation)
        self._identity.passport = None
        return login


def _encoded(text: str, name: str) -> str:
    if not is_text(text):  # Which is not shown.
        raise ConfigurationError(f"the {name} is a text that is not empty")
    return base64.b64encode(text.encode()).decode()


def _mail(email: str, language: str | None) -> dict[str, Json]:
    return {"email": email} if language is None else {"email": email, "language": language}
