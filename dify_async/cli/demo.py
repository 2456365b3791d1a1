"""The demo: the main job of the SDK, on a Dify that lives in this process."""

from __future__ import annotations

from typing import Final

from rich.console import Console

from dify_async.cli.view import view_on
from dify_async.clients import AppClient
from dify_async.testing import FakeDify, Field, Node, Workflow

_FORECAST: Final = (
    "Lisbon wakes up to a light fog over the river, and by ten the sun has the streets to itself. "
    "Expect 24 °C in the afternoon, a north wind that ruffles the terraces, and a sunset worth the climb "
    "to the Miradouro. 明天也是晴天。"
)


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split(" ")]


def _workflow(speed: float) -> Workflow:
    return Workflow(
        form=[Field("city", required=True)],
        nodes=[
            Node("Start", type="start"),
            Node("Fetch the weather", type="http-request", seconds=0.5 / speed, outputs={"status_code": 200}),
            Node("Read the station data", seconds=0.4 / speed, retries=1, error=None),
            Node(
                "Write the forecast",
                type="llm",
                text=_words(_FORECAST),
                seconds=2.2 / speed,
                tokens=164,
                outputs={"text": _FORECAST},
            ),
            Node("Check the tone", type="question-classifier", seconds=0.3 / speed, tokens=21),
            Node("End", type="end"),
        ],
        outputs=lambda inputs: {"city": inputs["city"], "forecast": _FORECAST, "degrees": 24},
    )


async def run_demo(speed: float = 1.0, console: Console | None = None) -> None:
    """Start a FakeDify, run its workflow, and show the run."""
    console = console or Console()
    with FakeDify(_workflow(speed)) as dify:
        console.print(f"A Dify {dify.version} for this demo alone listens at {dify.base_url}", style="dim")
        async with (
            AppClient(dify.api_key, user="demo", base_url=dify.base_url) as client,
            client.workflows.stream({"city": "Lisbon"}) as run,
        ):
            with view_on(console) as view:
                async for event in run:
                    view.take(event)
            view.conclude(await run.result())
