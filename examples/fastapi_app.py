"""A web service that runs a workflow."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import anyio
from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse

from dify_async import AppClient, errors
from dify_async.asgi import EventStreamResponse

dify = AppClient()  # DIFY_API_KEY and DIFY_BASE_URL; it connects on the first call


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncGenerator[None]:
    async with dify:
        yield


app = FastAPI(lifespan=lifespan)


def client_of(x_user: Annotated[str, Header()]) -> AppClient:
    return dify.for_user(x_user)  # put your own authentication here


Client = Annotated[AppClient, Depends(client_of)]


@app.post("/forecast")
async def forecast(city: str, client: Client, request: Request) -> Response:
    async with while_connected(request):
        result = await client.workflows.run({"city": city})
        return JSONResponse(result.outputs)
    return Response(status_code=499)  # the caller has disconnected


@app.post("/forecast/events")
async def forecast_events(city: str, client: Client) -> EventStreamResponse:
    return EventStreamResponse(client.workflows.stream({"city": city}))


@asynccontextmanager
async def while_connected(request: Request) -> AsyncGenerator[None]:
    """Cancel the block when the caller disconnects, which stops its run. FastAPI does not do this itself."""

    async def watch() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass
        block.cancel()

    with anyio.CancelScope() as block:
        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()


@app.exception_handler(errors.DifyError)
async def report_error(_: Request, error: errors.DifyError) -> JSONResponse:
    """Return only the kind of error to the caller; addresses and details are for your log."""
    match error:
        case errors.RunPaused():
            return JSONResponse({"paused": error.handle.to_json()}, status_code=202)
        case errors.RunRejected() | errors.InvalidParam():
            status = 422
        case errors.RateLimited():
            status = 429
        case errors.QuotaExceeded():
            status = 503
        case _:
            status = 502
    return JSONResponse({"error": type(error).__name__}, status_code=status)
