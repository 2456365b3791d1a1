"""Information about the web app: its page, its input form, and who may use it."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.passport import PassportAuth
from dify_async.models.app import AppMeta
from dify_async.models.auth import AccessMode
from dify_async.models.parameters import AppParameters
from dify_async.models.site import WebSite
from dify_async.operations import app, runs, web
from dify_async.options import CallOptions
from dify_async.resources._base import Resource


class WebApp(Resource):
    """Information about the web app: its page, its input form, and who may use it."""

    @property
    def _auth(self) -> PassportAuth:
        assert isinstance(self._api.auth, PassportAuth)
        return self._api.auth

    async def site(self, **options: Unpack[CallOptions]) -> WebSite:
        """Return the title and description of the app's page, and the ids of the app and the end user.

        Args:
            **options: See `CallOptions`.
        """
        return await self._api.call(web.GET_WEB_SITE, options)

    async def parameters(self, **options: Unpack[CallOptions]) -> AppParameters:
        """Return the app's input form, features and limits.

        Args:
            **options: See `CallOptions`.

        Raises:
            AppUnavailable: the app is not published.
        """
        return await self._api.call(runs.GET_APP_PARAMETERS, options)

    async def meta(self, **options: Unpack[CallOptions]) -> AppMeta:
        """Return the icons of the app's tools.

        Args:
            **options: See `CallOptions`.
        """
        return await self._api.call(app.GET_APP_META, options)

    async def access_mode(self, *, app_id: str | None = None, **options: Unpack[CallOptions]) -> AccessMode:
        """Return who may use the app. Everybody may, unless `system.features().webapp_auth.enabled` is True.

        Args:
            app_id: The id of another app. Default: the client's app.
            **options: See `CallOptions`.
        """
        query = {"appCode": self._auth.app_code} if app_id is None else {"appId": app_id}
        return await self._api.call(web.GET_ACCESS_MODE, options, query=query)

    async def permission(self, app_id: str, **options: Unpack[CallOptions]) -> bool:
        """Return True if the logged-in account may use the app.

        Call it only if `system.features().webapp_auth.enabled` is True.

        Args:
            app_id: The app's id, from `site()`.
            **options: See `CallOptions`.

        Raises:
            ServerError: the server does not have the enterprise edition (500 on Dify 1.14).
        """
        return (await self._api.call(web.GET_PERMISSION, options, query={"appId": app_id})).result
