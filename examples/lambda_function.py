"""A function of AWS Lambda, as an example of code that runs an event loop per call."""

import asyncio
import json
from typing import Any

from dify_async import AppClient, errors

client = AppClient()  # DIFY_API_KEY, DIFY_BASE_URL and DIFY_USER; one for all calls of the process


async def forecast(city: str, seconds: float) -> dict[str, Any]:
    try:
        result = await client.workflows.run({"city": city}, timeout=seconds)
    except errors.TotalTimeout:
        return {"statusCode": 504}
    return {"statusCode": 200, "body": json.dumps(result.outputs)}


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    # Lambda freezes the process at its time limit, and the run would go on: leave time to stop it.
    seconds = context.get_remaining_time_in_millis() / 1000 - 3
    return asyncio.run(forecast(event["city"], seconds))
