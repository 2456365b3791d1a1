"""The same service in several frameworks: `/ask` streams a run, for GET and POST."""

from __future__ import annotations

from typing import Any

import django
import fastapi
import litestar
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import path
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dify_async import AppClient
from dify_async.asgi import EventStreamResponse
from dify_async.asgi.django import event_stream_response

METHODS = ["GET", "POST"]


def fastapi_app(client: AppClient, **options: Any) -> Any:
    app = fastapi.FastAPI()

    @app.api_route("/ask", methods=METHODS)
    async def ask(city: str) -> EventStreamResponse:
        return EventStreamResponse(client.workflows.stream({"city": city}), **options)

    return app


def starlette_app(client: AppClient, **options: Any) -> Any:
    async def ask(request: Request) -> Response:
        stream = client.workflows.stream({"city": request.query_params["city"]})
        return EventStreamResponse(stream, **options)  # type: ignore[return-value]

    return Starlette(routes=[Route("/ask", ask, methods=METHODS)])


def litestar_app(client: AppClient, **options: Any) -> Any:
    @litestar.route("/ask", http_method=METHODS)
    async def ask(request: litestar.Request[Any, Any, Any]) -> EventStreamResponse:
        stream = client.workflows.stream({"city": request.query_params["city"]})
        return EventStreamResponse(stream, **options)

    return litestar.Litestar([ask], openapi_config=None)


def django_app(client: AppClient, **options: Any) -> Any:
    async def ask(request: HttpRequest) -> HttpResponseBase:
        stream = client.workflows.stream({"city": request.GET["city"]})
        return await event_stream_response(request, stream, **options)

    configure_django([path("ask", ask)])
    return ASGIHandler()


class _Urls:
    """Stands for a module with URL patterns."""

    def __init__(self, urlpatterns: list[Any]) -> None:
        self.urlpatterns = urlpatterns


def configure_django(urlpatterns: list[Any]) -> None:
    """Let Django serve these views, and no others."""
    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], SECRET_KEY="x", DEBUG=False, MIDDLEWARE=[])
        django.setup()
    settings.ROOT_URLCONF = _Urls(urlpatterns)


def bare_app(client: AppClient, **options: Any) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        city = scope["query_string"].decode().removeprefix("city=")
        await EventStreamResponse(client.workflows.stream({"city": city}), **options)(scope, receive, send)

    return app


FRAMEWORKS = [fastapi_app, starlette_app, litestar_app, django_app, bare_app]
