"""Run workflows as background tasks, with one client in each worker process."""

import os
from typing import Annotated

from taskiq import Context, TaskiqDepends, TaskiqEvents, TaskiqState, ZeroMQBroker

from dify_async import AppClient

address = os.environ.get("TASKS", "tcp://127.0.0.1:5555")
broker = ZeroMQBroker(address, address)  # or any other broker: Redis, RabbitMQ, NATS


@broker.on_event(TaskiqEvents.WORKER_STARTUP)
async def open_client(state: TaskiqState) -> None:
    state.dify = await AppClient().__aenter__()


@broker.on_event(TaskiqEvents.WORKER_SHUTDOWN)
async def close_client(state: TaskiqState) -> None:
    await state.dify.close()


def dify(context: Annotated[Context, TaskiqDepends()]) -> AppClient:
    client: AppClient = context.state.dify
    return client


@broker.task
async def forecast(city: str, user: str, client: Annotated[AppClient, TaskiqDepends(dify)]) -> None:
    result = await client.for_user(user).workflows.run({"city": city})
    print(user, result.outputs, flush=True)  # store the result where your application needs it
