"""What only the Web API tells: who may use an app, how its page looks, what its server can do."""

from __future__ import annotations

from datetime import datetime

import attrs

from dify_async._types import Json
from dify_async.models._base import OpenEnum, Received, wire
from dify_async.models.app import AppSite


@attrs.define(kw_only=True)
class Passport(Received):
    """What opens one app for one end user. Of a public app it is good for ever."""

    access_token: str = attrs.field(default="", repr=False)


@attrs.define(kw_only=True)
class Token:
    """A token inside an answer."""

    access_token: str = attrs.field(default="", repr=False)


@attrs.define(kw_only=True)
class Login(Received):
    """Who logged in is known by this token, for a day or as the server is set."""

    result: str = ""
    data: Token = attrs.Factory(Token)


@attrs.define(kw_only=True)
class LoginStatus(Received):
    """Whether somebody is logged in, and whether the app takes them."""

    logged_in: bool = False
    app_logged_in: bool = False


@attrs.define(kw_only=True)
class EmailCodeSent(Received):
    """A mail with six digits is on its way; `data` goes back with them, within five minutes."""

    result: str = ""
    data: str = attrs.field(default="", repr=False)


@attrs.define(kw_only=True)
class ResetCheck(Received):
    """The digits were right: `token` is what a new password is set with."""

    is_valid: bool = False
    email: str = ""
    token: str = attrs.field(default="", repr=False)


class AppAccess(OpenEnum):
    """Who may use a web app. Anything but `public` asks for a login, on enterprise servers only."""

    PUBLIC = "public"
    PRIVATE = "private"
    PRIVATE_ALL = "private_all"
    SSO_VERIFIED = "sso_verified"


@attrs.define(kw_only=True)
class AccessMode(Received):
    """Who may use the app."""

    access_mode: AppAccess = attrs.field(default=AppAccess.PUBLIC, metadata=wire("accessMode"))


@attrs.define(kw_only=True)
class Permission(Received):
    """Whether who is logged in may use the app."""

    result: bool = False


@attrs.define(kw_only=True)
class SiteCustomConfig:
    """How a workspace has changed the look of its web apps."""

    remove_webapp_brand: bool = False
    replace_webapp_logo: str | None = None


@attrs.define(kw_only=True)
class SiteModelConfig:
    """How the app is set up; no server of 1.14 tells it here."""

    opening_statement: str | None = None
    suggested_questions: list[str] = attrs.Factory(list[str])
    suggested_questions_after_answer: dict[str, Json] | None = None
    more_like_this: dict[str, Json] | None = None
    model: dict[str, Json] | None = None
    user_input_form: list[Json] = attrs.Factory(list[Json])
    pre_prompt: str | None = None


@attrs.define(kw_only=True)
class WebSite(Received):
    """The web app's page, and who looks at it."""

    app_id: str = ""
    end_user_id: str | None = None
    enable_site: bool = False
    site: AppSite = attrs.Factory(AppSite)
    model_config: SiteModelConfig | None = None
    plan: str | None = None
    can_replace_logo: bool = False
    custom_config: SiteCustomConfig | None = None


@attrs.define(kw_only=True)
class LicenseLimitation:
    """How many workspaces a licence allows."""

    enabled: bool = False
    size: int = 0
    limit: int = 0
    """0 for any number."""


@attrs.define(kw_only=True)
class License:
    """The server's licence."""

    status: str = ""
    expired_at: str = ""
    workspaces: LicenseLimitation = attrs.Factory(LicenseLimitation)


@attrs.define(kw_only=True)
class Branding:
    """The names and pictures of the server's owner."""

    enabled: bool = False
    application_title: str = ""
    login_page_logo: str = ""
    workspace_logo: str = ""
    favicon: str = ""


@attrs.define(kw_only=True)
class WebAppAuthSso:
    """How single sign-on works."""

    protocol: str = ""
    """`saml`, `oidc`, `oauth2`, or empty."""


@attrs.define(kw_only=True)
class WebAppAuth:
    """Whether web apps may ask for a login, and which."""

    enabled: bool = False
    """False on community servers and in the cloud: there every web app is public."""
    allow_sso: bool = False
    sso_config: WebAppAuthSso = attrs.Factory(WebAppAuthSso)
    allow_email_code_login: bool = False
    allow_email_password_login: bool = False


@attrs.define(kw_only=True)
class PluginInstallationPermission:
    """Which plugins may be installed."""

    plugin_installation_scope: str = ""
    restrict_to_marketplace_only: bool = False


@attrs.define(kw_only=True)
class PluginManager:
    """Whether plugins are managed."""

    enabled: bool = False


@attrs.define(kw_only=True)
class SystemFeatures(Received):
    """What the server can do, as anybody may know."""

    sso_enforced_for_signin: bool = False
    sso_enforced_for_signin_protocol: str = ""
    enable_marketplace: bool = False
    max_plugin_package_size: int = 0
    """Bytes."""
    enable_email_code_login: bool = False
    enable_email_password_login: bool = False
    enable_social_oauth_login: bool = False
    enable_collaboration_mode: bool = False
    is_allow_register: bool = False
    is_allow_create_workspace: bool = False
    is_email_setup: bool = False
    license: License = attrs.Factory(License)
    branding: Branding = attrs.Factory(Branding)
    webapp_auth: WebAppAuth = attrs.Factory(WebAppAuth)
    plugin_installation_permission: PluginInstallationPermission = attrs.Factory(PluginInstallationPermission)
    enable_change_email: bool = False
    plugin_manager: PluginManager = attrs.Factory(PluginManager)
    enable_creators_platform: bool = False
    enable_trial_app: bool = False
    enable_explore_banner: bool = False


@attrs.define(kw_only=True)
class UploadToken(Received):
    """What files for a form are uploaded with."""

    upload_token: str = attrs.field(default="", repr=False)
    expires_at: datetime | None = None
    """When the form closes."""
