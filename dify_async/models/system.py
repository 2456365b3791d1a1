"""Features of a server, which it sends without authentication."""

from __future__ import annotations

import attrs

from dify_async.models._base import Model, Received

__all__ = [
    "Branding",
    "License",
    "LicenseLimitation",
    "PluginInstallationPermission",
    "PluginManager",
    "SystemFeatures",
    "WebAppAuth",
    "WebAppAuthSso",
]


@attrs.define(kw_only=True, eq=False, repr=False)
class LicenseLimitation(Model):
    """Number of workspaces that a license allows."""

    enabled: bool = False
    """True if the number is limited."""
    size: int = 0
    """Number of workspaces."""
    limit: int = 0
    """Maximum number of workspaces; 0 for any number."""


@attrs.define(kw_only=True, eq=False, repr=False)
class License(Model):
    """The server's license."""

    status: str = ""
    """Status of the license: `none`, `active`, `expiring`, `expired`, ..."""
    expired_at: str = ""
    """When the license expires."""
    workspaces: LicenseLimitation = attrs.Factory(LicenseLimitation)
    """Number of workspaces that the license allows."""


@attrs.define(kw_only=True, eq=False, repr=False)
class Branding(Model):
    """The operator's name and logos."""

    enabled: bool = False
    """True if they replace Dify's name and logos."""
    application_title: str = ""
    """Title of the console."""
    login_page_logo: str = ""
    """URL of the logo on the login page."""
    workspace_logo: str = ""
    """URL of the logo in the console."""
    favicon: str = ""
    """URL of the favicon."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WebAppAuthSso(Model):
    """Settings of single sign-on."""

    protocol: str = ""
    """Protocol of single sign-on: `saml`, `oidc`, `oauth2`, or empty."""


@attrs.define(kw_only=True, eq=False, repr=False)
class WebAppAuth(Model):
    """Whether web apps may require a login, and which kinds of login."""

    enabled: bool = False
    """True if web apps may require a login. False on community servers and Dify Cloud."""
    allow_sso: bool = False
    """True if users can log in with single sign-on."""
    sso_config: WebAppAuthSso = attrs.Factory(WebAppAuthSso)
    """Settings of single sign-on."""
    allow_email_code_login: bool = False
    """True if users can log in with a code sent by e-mail."""
    allow_email_password_login: bool = False
    """True if users can log in with e-mail address and password."""
    allow_public_access: bool = False
    """True if web apps may be public (Dify 1.16)."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PluginInstallationPermission(Model):
    """Which plugins may be installed."""

    plugin_installation_scope: str = ""
    """Scope of the permission: `all`, `none`, `official_only`, ..."""
    restrict_to_marketplace_only: bool = False
    """True if only plugins of the marketplace may be installed."""


@attrs.define(kw_only=True, eq=False, repr=False)
class PluginManager(Model):
    """Whether plugins are managed centrally."""

    enabled: bool = False
    """True if plugins are managed centrally."""


@attrs.define(kw_only=True, eq=False, repr=False)
class SystemFeatures(Received):
    """Features of the server."""

    deployment_edition: str = ""
    """Edition of the server: `COMMUNITY`, `ENTERPRISE`, `CLOUD` (Dify 1.16)."""
    sso_enforced_for_signin: bool = False
    """True if the console requires single sign-on."""
    sso_enforced_for_signin_protocol: str = ""
    """Protocol of the console's single sign-on: `saml`, `oidc`, `oauth2`, or empty."""
    enable_marketplace: bool = False
    """True if the marketplace of plugins is on."""
    max_plugin_package_size: int = 0
    """Maximum size of a plugin package, in bytes."""
    enable_email_code_login: bool = False
    """True if the console accepts a code sent by e-mail."""
    enable_email_password_login: bool = False
    """True if the console accepts e-mail and password."""
    enable_social_oauth_login: bool = False
    """True if the console accepts GitHub or Google logins."""
    enable_collaboration_mode: bool = False
    """True if several people can edit an app."""
    is_allow_register: bool = False
    """True if anybody can register."""
    is_allow_create_workspace: bool = False
    """True if members can create workspaces."""
    is_email_setup: bool = False
    """True if the server can send e-mail."""
    license: License = attrs.Factory(License)
    """The server's license."""
    branding: Branding = attrs.Factory(Branding)
    """The operator's name and logos."""
    webapp_auth: WebAppAuth = attrs.Factory(WebAppAuth)
    """Whether web apps may require a login."""
    plugin_installation_permission: PluginInstallationPermission = attrs.Factory(PluginInstallationPermission)
    """Which plugins may be installed."""
    enable_change_email: bool = False
    """True if members can change their e-mail address."""
    plugin_manager: PluginManager = attrs.Factory(PluginManager)
    """Whether plugins are managed centrally."""
    enable_creators_platform: bool = False
    """True if the platform for creators is on."""
    enable_trial_app: bool = False
    """True if apps can be tried without an account."""
    enable_explore_banner: bool = False
    """True if the console shows banners."""
    enable_app_deploy: bool = False
    """True if apps can be deployed (Dify 1.16)."""
    enable_learn_app: bool = False
    """True if the console offers sample apps for learning (Dify 1.16)."""
    enable_step_by_step_tour: bool = False
    """True if the console offers a tour (Dify 1.16)."""
    knowledge_fs_enabled: bool = False
    """True if knowledge can be used as a file system (Dify 1.16)."""
    rbac_enabled: bool = False
    """True if access is controlled by roles (Dify 1.16)."""
