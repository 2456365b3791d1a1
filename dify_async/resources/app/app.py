"""Information about an app."""

from __future__ import annotations

from typing import Unpack

from dify_async._http.pager import Pager
from dify_async.models.app import AppInfo, AppMeta
from dify_async.models.feedback import AppFeedback
from dify_async.models.parameters import AppParameters
from dify_async.models.site import AppSite
from dify_async.operations import app as operations
from dify_async.operations import runs
from dify_async.options import AppCallOptions
from dify_async.resources._base import Resource, next_number, pages


class App(Resource):
    """Information about the app that the key belongs to. These calls need no end user."""

    async def info(self, **options: Unpack[AppCallOptions]) -> AppInfo:
        """Return the app's name, description, tags and mode.

        Args:
            **options: See `AppCallOptions`.

        Raises:
            NotSupportedByServer: the server is too old to have the endpoint.
        """
        return await self._api.call(operations.GET_APP_INFO, options)

    async def parameters(self, **options: Unpack[AppCallOptions]) -> AppParameters:
        """Return the app's input form, features and limits.

        Args:
            **options: See `AppCallOptions`.

        Raises:
            AppUnavailable: the app is not published (recording: `wf_unpublished_parameters`).
        """
        return await self._api.call(runs.GET_APP_PARAMETERS, options)

    async def meta(self, **options: Unpack[AppCallOptions]) -> AppMeta:
        """Return the icons of the app's tools.

        Args:
            **options: See `AppCallOptions`.
        """
        return await self._api.call(operations.GET_APP_META, options)

    async def site(self, **options: Unpack[AppCallOptions]) -> AppSite:
        """Return the title, icon and description of the app's web page.

        Args:
            **options: See `AppCallOptions`.

        Raises:
            Forbidden: the app has no web page.
        """
        return await self._api.call(operations.GET_APP_SITE, options)

    def feedbacks(self, *, limit: int = 20, **options: Unpack[AppCallOptions]) -> Pager[AppFeedback]:
        """List the feedback on the app's answers, newest first.

        Args:
            limit: Entries per page, 1 to 100.
            **options: See `AppCallOptions`; `timeout` applies to each page.
        """
        return pages(self._api, operations.LIST_APP_FEEDBACKS, options, next_number, limit=limit)
