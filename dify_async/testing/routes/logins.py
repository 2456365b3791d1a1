"""Logins with a password or a code sent by e-mail, and password resets."""

from __future__ import annotations

import base64
import binascii
import secrets
from typing import Final

from aiohttp import web

from dify_async.testing.api_errors import ErrorResponse, crashed, invalid, not_found, unauthorized
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.state.access import Challenge

_WRONG_CODES: Final = 5


async def log_in(call: Call) -> web.Response:
    """Log in with a password in base64."""
    _check_logins(call)
    email, password = await call.fields("LoginPayload", "email", "password")
    found = _decoded(password)
    if found is None:
        raise _wrong_login()
    _check_email("LoginPayload", email)
    _check_strength("LoginPayload", "password", found)
    if call.state.accounts.get(email) != found:
        raise _wrong_login()
    return _logged_in(call, email)


async def send_login_code(call: Call) -> web.Response:
    """Send a code for a login."""
    return await _challenged(call, "EmailCodeLoginSendPayload", "login")


async def log_in_by_code(call: Call) -> web.Response:
    """Log in with the code, in base64."""
    _check_logins(call)
    email, code, token = await call.fields("EmailCodeLoginVerifyPayload", "email", "code", "token")
    challenge = call.state.challenges.get(token)
    if challenge is None or challenge.purpose != "login":
        raise crashed()
    _check_answer(challenge, email, _decoded(code))
    del call.state.challenges[token]
    return _logged_in(call, email)


async def log_out(call: Call) -> web.Response:
    """Delete a cookie. Tokens stay valid."""
    response = call.done()
    response.del_cookie("webapp_access_token", samesite="None")
    return response


def _check_logins(call: Call) -> None:
    if not call.state.webapp_auth:
        raise not_found()


def _check_email(model: str, email: str) -> None:
    name, _, host = email.partition("@")
    if not name or "." not in host:
        raise invalid(model, "email", f"Value error, {email} is not a valid email. [type=value_error]")


def _check_strength(model: str, field: str, password: str) -> None:
    letters, digits = any(map(str.isalpha, password)), any(map(str.isdigit, password))
    if len(password) < 8 or not letters or not digits:
        problem = (
            "Value error, Password must contain letters and numbers, and the length must be greater than 8."
        )
        raise invalid(model, field, f"{problem} [type=value_error]")


def _wrong_login() -> ErrorResponse:
    return unauthorized("Invalid email or password.", "authentication_failed")


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _logged_in(call: Call, email: str) -> web.Response:
    login = call.state.add_login(email, internal=True)
    return call.json({"result": "success", "data": {"access_token": login.token}})


async def _challenged(call: Call, model: str, purpose: str) -> web.Response:
    """Send a code to an account, and return the token of the challenge."""
    _check_logins(call)
    (email,) = await call.fields(model, "email")
    _check_email(model, email)
    if email not in call.state.accounts:
        raise unauthorized("Account not found.", "authentication_failed")
    code = f"{secrets.randbelow(10**6):06}"
    call.state.codes[email] = code
    challenge = _new_challenge(call, email, code, purpose)
    return call.json({"result": "success", "data": challenge.token})


def _new_challenge(call: Call, email: str, code: str, purpose: str) -> Challenge:
    challenge = Challenge(email=email, code=code, purpose=purpose)
    call.state.challenges[challenge.token] = challenge
    return challenge


def _check_answer(challenge: Challenge, email: str, code: str | None) -> None:
    if challenge.email != email:
        raise ErrorResponse(400, "invalid_email", "The email address is not valid.")
    if challenge.wrong_codes >= _WRONG_CODES:
        raise ErrorResponse(
            429, "email_password_reset_limit", "Too many wrong codes. Please try again in 24 hours."
        )
    if challenge.code != code:
        challenge.wrong_codes += 1
        raise ErrorResponse(400, "email_code_error", "Email code is invalid or expired.")


# Password resets. These requests do not use base64


async def send_reset_code(call: Call) -> web.Response:
    """Send a code for a password reset."""
    return await _challenged(call, "ForgotPasswordSendPayload", "reset")


async def check_reset_code(call: Call) -> web.Response:
    """Exchange the code for a token that sets a new password."""
    _check_logins(call)
    email, code, token = await call.fields("ForgotPasswordCheckPayload", "email", "code", "token")
    challenge = _challenge(call, token, "reset")
    _check_answer(challenge, email, code)
    del call.state.challenges[token]
    another = _new_challenge(call, email, code, "new password")
    return call.json({"is_valid": True, "email": email, "token": another.token})


async def reset_password(call: Call) -> web.Response:
    """Set a new password."""
    _check_logins(call)
    model = "ForgotPasswordResetPayload"
    token, password, repeated = await call.fields(model, "token", "new_password", "password_confirm")
    _check_strength(model, "new_password", password)
    if password != repeated:
        raise ErrorResponse(400, "password_mismatch", "The passwords do not match.")
    challenge = _challenge(call, token, "new password")
    del call.state.challenges[token]
    call.state.accounts[challenge.email] = password
    return call.done()


def _challenge(call: Call, token: str, purpose: str) -> Challenge:
    challenge = call.state.challenges.get(token)
    if challenge is None or challenge.purpose != purpose:
        raise ErrorResponse(400, "invalid_or_expired_token", "The token is invalid or has expired.")
    return challenge


WEB_OPEN: Final[Routes] = [
    ("POST", "/login", log_in),
    ("POST", "/logout", log_out),
    ("POST", "/email-code-login", send_login_code),
    ("POST", "/email-code-login/validity", log_in_by_code),
    ("POST", "/forgot-password", send_reset_code),
    ("POST", "/forgot-password/validity", check_reset_code),
    ("POST", "/forgot-password/resets", reset_password),
]
