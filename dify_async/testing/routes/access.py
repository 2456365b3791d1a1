"""Who may use a web app: passports, logins, forgotten passwords."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import secrets
import time
from typing import TYPE_CHECKING, Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.calls import Call, Refused, Routes, crashed, invalid
from dify_async.testing.records import Challenge, Login, Passport, id_of, new_id

if TYPE_CHECKING:
    from dify_async.testing.fake import FakeDify

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="api"'}
_WRONG_CODES: Final = 5


def unauthorized(message: str, code: str = "unauthorized") -> Refused:
    """Give the refusal of somebody who is not known."""
    return Refused(401, code, message, _CHALLENGE)


# Checks


def checked_key(call: Call) -> None:
    """Check the key of a request to the Service API."""
    scheme, _, key = call.request.headers.get("Authorization", "").partition(" ")
    if not scheme or not key:
        raise unauthorized("Authorization header must be provided and start with 'Bearer'")
    if scheme.lower() != "bearer":
        raise unauthorized("Authorization scheme must be 'Bearer'")
    if key != call.fake.api_key:
        raise unauthorized("Access token is invalid")
    if not call.fake.api_enabled:
        raise Refused(403, "forbidden", "The app's API service has been disabled.")


def checked_passport(call: Call) -> Passport:
    """Give the passport of a request to the Web API; refuse without one."""
    fake = call.fake
    token = _bearer(call) if fake.before_1_9 else call.request.headers.get("X-App-Passport")
    passport = next((one for one in fake.passports if one.token == token), None)
    if passport is None or not passport.valid:
        message = "Invalid token." if token else "App token is missing."
        if fake.is_private:
            raise unauthorized(message, "web_sso_auth_required")
        raise unauthorized(message)
    if passport.expires_at is not None and passport.expires_at <= time.time():
        raise unauthorized("Token has expired.")
    if not fake.site_enabled:
        raise Refused(400, "bad_request", "Site is disabled.")
    if passport.app_code != fake.app_code:
        raise Refused(400, "bad_request", "Site URL is no longer valid.")
    if fake.is_private and (passport.login is None or not _fits(fake, passport.login)):
        raise unauthorized("Web app authentication required.", "web_sso_auth_required")
    if not fake.is_private and passport.login is not None:
        raise unauthorized("Token is no longer valid, for the app is public now.")
    if passport.session_id in fake.denied:
        raise unauthorized("You do not have permission to access this web app.", "web_app_access_denied")
    return passport


def _fits(fake: FakeDify, login: Login) -> bool:
    """Say whether a login is of the kind that the app asks for."""
    return login.internal is (fake.access_mode != "sso_verified")


def _bearer(call: Call) -> str | None:
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None


def _login_of(call: Call) -> Login | None:
    """Give the login that a request shows; refuse one that is none."""
    token = _bearer(call)
    if token is None:
        return None
    login = call.fake.logins.get(token)
    if login is None:
        raise unauthorized("Invalid token.")
    return login


# Passports


async def give_passport(call: Call) -> web.Response:
    """Let somebody use the app."""
    fake = call.fake
    code = call.request.headers.get("X-App-Code")
    if not code:
        raise unauthorized("X-App-Code header is missing.")
    login = None
    if fake.webapp_auth:
        if code != fake.app_code:
            raise Refused(400, "invalid_param", "App not found")
        login = _login_of(call)
    if code != fake.app_code or not fake.site_enabled:
        raise Refused(404, "not_found", "The requested URL was not found on the server.")
    session_id = call.query.get("user_id") or new_id()
    if fake.is_private:
        if login is None or not _fits(fake, login):
            raise unauthorized("Web app authentication required.", "web_sso_auth_required")
        session_id = login.user
    passport = _issued(fake, session_id, login if fake.is_private else None)
    return call.json({"access_token": passport.token})


def _issued(fake: FakeDify, session_id: str, login: Login | None) -> Passport:
    expires_at = None if fake.passport_seconds is None else time.time() + fake.passport_seconds
    claims: dict[str, Json] = {
        "iss": fake.app_id,
        "sub": "Web API Passport",
        "app_id": fake.app_id,
        "app_code": fake.app_code,
        "end_user_id": id_of(session_id),
    }
    if login is not None:
        claims |= {"user_id": session_id, "auth_type": "internal" if login.internal else "external"}
    if expires_at is not None:
        claims["exp"] = int(expires_at)
    passport = Passport(
        token=_token(claims, fake.passport_key),
        session_id=session_id,
        app_code=fake.app_code,
        expires_at=expires_at,
        login=login,
    )
    fake.passports.append(passport)
    fake.end_users[id_of(session_id)] = session_id
    return passport


def _token(claims: Json, key: bytes) -> str:
    """Write a token as others of its kind: the same for the same claims, as long as the key is the same."""
    head = {"alg": "HS256", "typ": "JWT"}
    parts = [json.dumps(part, separators=(",", ":")).encode() for part in (head, claims)]
    written = b".".join(map(_in_base64, parts))
    return b".".join([written, _in_base64(hmac.digest(key, written, "sha256"))]).decode()


def _in_base64(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


# How open the app is


async def access_mode(call: Call) -> web.Response:
    """Tell who may use the app. Servers without logins say so of every app."""
    fake = call.fake
    named = fake.app_code == call.query.get("appCode") or fake.app_id == call.query.get("appId")
    if fake.webapp_auth and not named:
        raise Refused(400, "invalid_param", "appId or appCode must be provided")
    return call.json({"accessMode": fake.access_mode if fake.webapp_auth else "public"})


async def permission(call: Call) -> web.Response:
    """Tell whether somebody may use the app."""
    if not call.fake.webapp_auth:
        raise crashed()
    if not call.query.get("appId") or not call.request.headers.get("X-App-Code"):
        raise Refused(400, "invalid_param", "appId and X-App-Code must be provided")
    allowed = True
    if call.fake.is_private:
        try:
            checked_passport(call)
        except Refused as refused:
            allowed = False
            if refused.body["code"] != "web_app_access_denied":
                raise unauthorized("Web app authentication required.") from None
    return call.json({"result": allowed})


async def login_status(call: Call) -> web.Response:
    """Tell whether somebody is logged in: to the server, and to the app."""
    fake, code = call.fake, call.query.get("app_code")
    if code is None:
        return call.json({"logged_in": _bearer(call) is not None, "app_logged_in": False})
    if code != fake.app_code:
        raise Refused(400, "invalid_param", "App not found")
    logged_in = not fake.is_private or (_bearer(call) or "") in fake.logins
    try:
        passport = checked_passport(call)
    except Refused:
        in_app = False
    else:
        in_app = call.query.get("user_id") in (None, passport.session_id)
    return call.json({"logged_in": logged_in, "app_logged_in": in_app})


async def features(call: Call) -> web.Response:
    """Tell what the server can do."""
    auth = call.fake.webapp_auth
    sso = auth and call.fake.access_mode == "sso_verified"
    off = {"enabled": False}
    return call.json(
        {
            "sso_enforced_for_signin": False,
            "sso_enforced_for_signin_protocol": "",
            "enable_marketplace": False,
            "max_plugin_package_size": 15728640,
            "enable_email_code_login": False,
            "enable_email_password_login": True,
            "enable_social_oauth_login": False,
            "enable_collaboration_mode": True,
            "is_allow_register": False,
            "is_allow_create_workspace": False,
            "is_email_setup": auth,
            "license": {
                "status": "active" if auth else "none",
                "expired_at": "",
                "workspaces": {"enabled": False, "size": 0, "limit": 0},
            },
            "branding": {
                **off,
                **dict.fromkeys(("application_title", "login_page_logo", "workspace_logo", "favicon"), ""),
            },
            "webapp_auth": {
                "enabled": auth,
                "allow_sso": sso,
                "sso_config": {"protocol": "oidc" if sso else ""},
                "allow_email_code_login": auth,
                "allow_email_password_login": auth,
            },
            "plugin_installation_permission": {
                "plugin_installation_scope": "all",
                "restrict_to_marketplace_only": False,
            },
            "enable_change_email": True,
            "plugin_manager": off,
            "enable_creators_platform": True,
            "enable_trial_app": False,
            "enable_explore_banner": False,
        }
    )


# Logins


async def log_in(call: Call) -> web.Response:
    """Log in with a password, which travels as base64."""
    _check_logins(call)
    email, password = await call.fields("LoginPayload", "email", "password")
    found = _decoded(password)
    if found is None:
        raise _wrong_login()
    _check_email("LoginPayload", email)
    _check_strength("LoginPayload", "password", found)
    if call.fake.accounts.get(email) != found:
        raise _wrong_login()
    return _logged_in(call, email)


async def send_login_code(call: Call) -> web.Response:
    """Send a code to log in with."""
    return await _challenged(call, "EmailCodeLoginSendPayload", "login")


async def log_in_by_code(call: Call) -> web.Response:
    """Log in with such a code, which travels as base64 too."""
    _check_logins(call)
    email, code, token = await call.fields("EmailCodeLoginVerifyPayload", "email", "code", "token")
    challenge = call.fake.challenges.get(token)
    if challenge is None or challenge.purpose != "login":
        raise crashed()
    _check_answer(challenge, email, _decoded(code))
    del call.fake.challenges[token]
    return _logged_in(call, email)


async def log_out(call: Call) -> web.Response:
    """Clear a cookie. Tokens stay what they are."""
    response = call.done()
    response.del_cookie("webapp_access_token", samesite="None")
    return response


def _check_logins(call: Call) -> None:
    if not call.fake.webapp_auth:
        raise Refused(404, "not_found", "The requested URL was not found on the server.")


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


def _wrong_login() -> Refused:
    return unauthorized("Invalid email or password.", "authentication_failed")


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def _logged_in(call: Call, email: str) -> web.Response:
    login = call.fake.log_in(email)
    return call.json({"result": "success", "data": {"access_token": login.token}})


async def _challenged(call: Call, model: str, purpose: str) -> web.Response:
    """Send a code to an account, and give the token by which it is asked for."""
    _check_logins(call)
    (email,) = await call.fields(model, "email")
    _check_email(model, email)
    if email not in call.fake.accounts:
        raise unauthorized("Account not found.", "authentication_failed")
    code = f"{secrets.randbelow(10**6):06}"
    call.fake.codes[email] = code
    return call.json(
        {"result": "success", "data": _kept(call, Challenge(email=email, code=code, purpose=purpose))}
    )


def _kept(call: Call, challenge: Challenge) -> str:
    token = new_id()
    call.fake.challenges[token] = challenge
    return token


def _check_answer(challenge: Challenge, email: str, code: str | None) -> None:
    if challenge.email != email:
        raise Refused(400, "invalid_email", "The email address is not valid.")
    if challenge.wrong_codes >= _WRONG_CODES:
        raise Refused(
            429, "email_password_reset_limit", "Too many wrong codes. Please try again in 24 hours."
        )
    if challenge.code != code:
        challenge.wrong_codes += 1
        raise Refused(400, "email_code_error", "Email code is invalid or expired.")


# Forgotten passwords: here, nothing is base64


async def send_reset_code(call: Call) -> web.Response:
    """Send a code to change a password with."""
    return await _challenged(call, "ForgotPasswordSendPayload", "reset")


async def check_reset_code(call: Call) -> web.Response:
    """Trade such a code for the token that changes the password."""
    _check_logins(call)
    email, code, token = await call.fields("ForgotPasswordCheckPayload", "email", "code", "token")
    challenge = _challenge(call, token, "reset")
    _check_answer(challenge, email, code)
    del call.fake.challenges[token]
    another = _kept(call, Challenge(email=email, code=code, purpose="new password"))
    return call.json({"is_valid": True, "email": email, "token": another})


async def reset_password(call: Call) -> web.Response:
    """Change a password."""
    _check_logins(call)
    model = "ForgotPasswordResetPayload"
    token, password, repeated = await call.fields(model, "token", "new_password", "password_confirm")
    _check_strength(model, "new_password", password)
    if password != repeated:
        raise Refused(400, "password_mismatch", "The passwords do not match.")
    challenge = _challenge(call, token, "new password")
    del call.fake.challenges[token]
    call.fake.accounts[challenge.email] = password
    return call.done()


def _challenge(call: Call, token: str, purpose: str) -> Challenge:
    challenge = call.fake.challenges.get(token)
    if challenge is None or challenge.purpose != purpose:
        raise Refused(400, "invalid_or_expired_token", "The token is invalid or has expired.")
    return challenge


WEB_OPEN: Final[Routes] = [
    ("GET", "/passport", give_passport),
    ("GET", "/webapp/access-mode", access_mode),
    ("GET", "/webapp/permission", permission),
    ("GET", "/system-features", features),
    ("POST", "/login", log_in),
    ("GET", "/login/status", login_status),
    ("POST", "/logout", log_out),
    ("POST", "/email-code-login", send_login_code),
    ("POST", "/email-code-login/validity", log_in_by_code),
    ("POST", "/forgot-password", send_reset_code),
    ("POST", "/forgot-password/validity", check_reset_code),
    ("POST", "/forgot-password/resets", reset_password),
]
