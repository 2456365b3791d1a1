"""A Django project that runs a workflow: with the blocking client, and under ASGI with the async client."""

import json
import os
from collections.abc import Iterator
from itertools import chain

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path
from django.utils.deprecation import MiddlewareMixin

import dify_async
from dify_async import errors, sync
from dify_async.asgi import http_error
from dify_async.asgi.django import event_stream_response

blocking = sync.AppClient()  # DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER
client = dify_async.AppClient()  # the same, for async views


def forecast(request: HttpRequest) -> JsonResponse:
    """For WSGI, and ASGI."""
    result = blocking.workflows.run({"city": request.GET["city"]}, user=user_of(request))
    return JsonResponse(result.outputs)


def forecast_lines(request: HttpRequest) -> StreamingHttpResponse:
    """For WSGI: stream the events."""

    def lines() -> Iterator[str]:
        with blocking.workflows.stream({"city": request.GET["city"]}, user=user_of(request)) as run:
            for event in run:
                yield f"data: {json.dumps(event.raw)}\n\n"

    rest = lines()
    first = next(rest)  # An error before the first event is raised here.
    return StreamingHttpResponse(chain([first], rest), content_type="text/event-stream")


async def forecast_events(request: HttpRequest) -> HttpResponseBase:
    """For ASGI: stream the events. The run is stopped when the caller disconnects."""
    stream = client.workflows.stream({"city": request.GET["city"]}, user=user_of(request))
    return await event_stream_response(request, stream)


def user_of(request: HttpRequest) -> str:
    return request.COOKIES["user"]  # put your own authentication here


class DifyErrors(MiddlewareMixin):
    def process_exception(self, _: HttpRequest, error: Exception) -> JsonResponse | None:
        if not isinstance(error, errors.DifyError):
            return None
        answer = http_error(error)
        return JsonResponse(answer.body, status=answer.status, headers=answer.headers)


urlpatterns = [
    path("forecast", forecast),
    path("forecast/lines", forecast_lines),
    path("forecast/events", forecast_events),
]

settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    MIDDLEWARE=[f"{__name__}.DifyErrors"],
    ROOT_URLCONF=__name__,
    SECRET_KEY=os.environ.get("DJANGO_SECRET_KEY", "for development only"),
)
wsgi = get_wsgi_application()
asgi = get_asgi_application()
