"""A web service that runs a workflow."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI, Request, Response
from fastapi.responses import FileResponse, JSONResponse

from dify_async import AppClient, errors
from dify_async.asgi import EventStreamResponse, http_error, while_connected

dify = AppClient()  # DIFY_API_KEY and DIFY_BASE_URL; it connects on the first call


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with dify:
        yield


app = FastAPI(lifespan=lifespan)


def client_of(user: Annotated[str, Cookie()]) -> AppClient:
    return dify.for_user(user)  # put your own authentication here


Client = Annotated[AppClient, Depends(client_of)]


@app.post("/forecast")
async def forecast(city: str, client: Client, request: Request) -> Response:
    async with while_connected(request):
        result = await client.workflows.run({"city": city})
        return JSONResponse(result.outputs)
    return Response(status_code=499)  # the caller has disconnected


@app.api_route("/forecast/events", methods=["GET", "POST"])
async def forecast_events(city: str, client: Client) -> EventStreamResponse:
    return EventStreamResponse(client.workflows.stream({"city": city}))


@app.get("/")
async def page() -> FileResponse:
    return FileResponse(Path(__file__).with_name("event_source.html"))


@app.exception_handler(errors.DifyError)
async def report_error(_: Request, error: errors.DifyError) -> JSONResponse:
    answer = http_error(error)
    if isinstance(error, errors.RunPaused):
        return JSONResponse({"paused": error.handle.to_json()}, answer.status)
    return JSONResponse(answer.body, answer.status, answer.headers)
