"""Check API keys and passports, issue passports, and report who may use the app."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.api_errors import ErrorResponse, crashed, invalid_param, not_found, unauthorized
from dify_async.testing.ids import id_of, new_id
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.state.access import Login, Passport
from dify_async.testing.state.state import State

# Checks


def checked_key(call: Call) -> None:
    """Check the key of a request to the Service API of the app."""
    _check_key(call, call.state.api_key)
    if not call.state.api_enabled:
        raise ErrorResponse(403, "forbidden", "The app's API service has been disabled.")


def checked_knowledge_key(call: Call) -> None:
    """Check the key of a request to the Knowledge API."""
    _check_key(call, call.state.knowledge.api_key)


def _check_key(call: Call, expected: str) -> None:
    scheme, _, key = call.request.headers.get("Authorization", "").partition(" ")
    if not scheme or not key:
        raise unauthorized("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != "bearer":
        raise unauthorized("Authorization scheme must be 'Bearer'")
    if key != expected:
        raise unauthorized("Access token is invalid")


def checked_passport(call: Call) -> Passport:
    """Return the passport of a request to the Web API; reject a request without one."""
    state = call.state
    token = call.request.headers.get("X-App-Passport") if state.version.has_passport_header else call.bearer
    passport = next((one for one in state.passports if one.token == token), None)
    if passport is None or not passport.valid:
        message = "Invalid token." if token else "App token is missing."
        if state.is_private:
            raise unauthorized(message, "web_sso_auth_required")
        raise unauthorized(message)
    if passport.expires_at is not None and passport.expires_at <= time.time():
        raise unauthorized("Token has expired.")
    if not state.site_enabled:
        raise ErrorResponse(400, "bad_request", "Site is disabled.")
    if passport.app_code != state.app_code:
        raise ErrorResponse(400, "bad_request", "Site URL is no longer valid.")
    if state.is_private and (passport.login is None or not _fits(state, passport.login)):
        raise unauthorized("Web app authentication required.", "web_sso_auth_required")
    if not state.is_private and passport.login is not None:
        raise unauthorized("Token is no longer valid, for the app is public now.")
    if passport.session_id in state.denied:
        raise unauthorized("You do not have permission to access this web app.", "web_app_access_denied")
    return passport


def _fits(state: State, login: Login) -> bool:
    """Return True if a login is of the kind that the app requires."""
    return login.internal is (state.access_mode != "sso_verified")


def _login_of(call: Call) -> Login | None:
    """Return the login of a request; reject an unknown login."""
    if call.bearer is None:
        return None
    login = call.state.logins.get(call.bearer)
    if login is None:
        raise unauthorized("Invalid token.")
    return login


# Passports


async def give_passport(call: Call) -> web.Response:
    """Issue a passport."""
    state = call.state
    code = call.request.headers.get("X-App-Code")
    if not code:
        raise unauthorized("X-App-Code header is missing.")
    login = None
    if state.webapp_auth:
        if code != state.app_code:
            raise invalid_param("App not found")
        login = _login_of(call)
    if code != state.app_code or not state.site_enabled:
        raise not_found()
    session_id = call.query.get("user_id") or new_id()
    if state.is_private:
        if login is None or not _fits(state, login):
            raise unauthorized("Web app authentication required.", "web_sso_auth_required")
        session_id = login.user
    passport = _issued(state, session_id, login if state.is_private else None)
    return call.json({"access_token": passport.token})


def _issued(state: State, session_id: str, login: Login | None) -> Passport:
    expires_at = None if state.passport_seconds is None else time.time() + state.passport_seconds
    claims: dict[str, Json] = {
        "iss": state.app_id,
        "sub": "Web API Passport",
        "app_id": state.app_id,
        "app_code": state.app_code,
        "end_user_id": id_of(session_id),
    }
    if login is not None:
        claims |= {"user_id": session_id, "auth_type": "internal" if login.internal else "external"}
    if expires_at is not None:
        claims["exp"] = int(expires_at)
    passport = Passport(
        token=_token(claims, state.passport_key),
        session_id=session_id,
        app_code=state.app_code,
        expires_at=expires_at,
        login=login,
    )
    state.passports.append(passport)
    state.add_end_user(session_id)
    return passport


def _token(claims: Json, key: bytes) -> str:
    """Return a JSON Web Token; the same claims and key give the same token."""
    head = {"alg": "HS256", "typ": "JWT"}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (head, claims)]
    written = b".".join(map(_in_base64, parts))
    return b".".join([written, _in_base64(hmac.digest(key, written, "sha256"))]).decode()


def _in_base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


# Access modes and logins


async def access_mode(call: Call) -> web.Response:
    """Return the access mode of the app. Without logins every app is public."""
    state = call.state
    named = state.app_code == call.query.get("appCode") or state.app_id == call.query.get("appId")
    if state.webapp_auth and not named:
        raise invalid_param("appId or appCode must be provided")
    return call.json({"accessMode": state.access_mode if state.webapp_auth else "public"})


async def permission(call: Call) -> web.Response:
    """Return whether the user may use the app."""
    if not call.state.webapp_auth:
        raise crashed()
    if not call.query.get("appId") or not call.request.headers.get("X-App-Code"):
        raise invalid_param("appId and X-App-Code must be provided")
    allowed = True
    if call.state.is_private:
        try:
            checked_passport(call)
        except ErrorResponse as error:
            allowed = False
            if error.code != "web_app_access_denied":
                raise unauthorized("Web app authentication required.") from None
    return call.json({"result": allowed})


async def login_status(call: Call) -> web.Response:
    """Return whether the user is logged in to the server and to the app."""
    state, code = call.state, call.query.get("app_code")
    if code is None:
        return call.json({"logged_in": call.bearer is not None, "app_logged_in": False})
    if code != state.app_code:
        raise invalid_param("App not found")
    logged_in = not state.is_private or (call.bearer or "") in state.logins
    try:
        passport = checked_passport(call)
    except ErrorResponse:
        in_app = False
    else:
        in_app = call.query.get("user_id") in (None, passport.session_id)
    return call.json({"logged_in": logged_in, "app_logged_in": in_app})


WEB_OPEN: Final[Routes] = [
    ("GET", "/passport", give_passport),
    ("GET", "/webapp/access-mode", access_mode),
    ("GET", "/webapp/permission", permission),
    ("GET", "/login/status", login_status),
]
