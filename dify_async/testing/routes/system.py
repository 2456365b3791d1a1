"""Features of the server, as the Web API returns them."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from dify_async._types import Json
from dify_async.testing.routes.call import Call, Routes
from dify_async.testing.state.state import State


async def features(call: Call) -> web.Response:
    """Return the features of the server."""
    state = call.state
    new = state.version.has_deployment_edition
    return call.json({**_common(state), **(_since_1_16() if new else _before_1_16(state))})


def _common(state: State) -> dict[str, Json]:
    auth = state.webapp_auth
    sso = auth and state.access_mode == "sso_verified"
    new = state.version.has_deployment_edition
    unset = None if new else ""
    names = ("application_title", "login_page_logo", "workspace_logo", "favicon")
    return {
        "sso_enforced_for_signin": False,
        "sso_enforced_for_signin_protocol": unset,
        "enable_marketplace": False,
        "enable_email_code_login": False,
        "enable_email_password_login": True,
        "enable_social_oauth_login": False,
        "enable_collaboration_mode": True,
        "is_allow_register": False,
        "is_email_setup": auth,
        "license": {"status": "active" if auth else "none"},
        "branding": {"enabled": False, **dict.fromkeys(names, "")},
        "webapp_auth": {
            "enabled": auth,
            "allow_sso": sso,
            "sso_config": {"protocol": "oidc" if sso else unset},
            "allow_email_code_login": auth,
            "allow_email_password_login": auth,
            **({"allow_public_access": True} if new else {}),
        },
        "plugin_installation_permission": {
            "plugin_installation_scope": "all",
            "restrict_to_marketplace_only": False,
        },
        "enable_change_email": True,
        "enable_creators_platform": True,
        "enable_explore_banner": False,
    }


def _before_1_16(state: State) -> dict[str, Json]:
    workspaces = {"enabled": False, "size": 0, "limit": 0}
    status = "active" if state.webapp_auth else "none"
    return {
        "max_plugin_package_size": 15728640,
        "is_allow_create_workspace": False,
        "license": {"status": status, "expired_at": "", "workspaces": workspaces},
        "plugin_manager": {"enabled": False},
        "enable_trial_app": False,
    }


def _since_1_16() -> dict[str, Json]:
    """Return the fields that are new in the recording `116_web_system_features`."""
    return {
        "deployment_edition": "COMMUNITY",
        "enable_app_deploy": False,
        "enable_learn_app": True,
        "enable_step_by_step_tour": False,
        "rbac_enabled": False,
        "knowledge_fs_enabled": False,
    }


WEB_OPEN: Final[Routes] = [("GET", "/system-features", features)]
