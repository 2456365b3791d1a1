"""The command `demo`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from dify_async.cli.process import perform
from dify_async.cli.run_view import view_on
from dify_async.clients.app import AppClient

if TYPE_CHECKING:
    from dify_async.testing import Workflow

_FORECAST: Final = (
    "Lisbon wakes up to a light fog over the river, and by ten the sun has the streets to itself. "
    "Expect 24 °C in the afternoon, a north wind that ruffles the terraces, and a sunset worth the climb "
    "to the Miradouro. 明天也是晴天。"
)
_NEXT: Final = """
That was a fake server. Next:
  dify-async profile add NAME        store the server and the key of your app
  dify-async info                    check that it answers
  dify-async run -i city=Lisbon      run a workflow; other apps: chat, complete
  dify-async batch rows.csv -o r.csv run it for each row of a file
  dify-async fake                    serve a fake Dify, to try these on
"""


def demo(
    speed: Annotated[float, typer.Option(min=0.1, help="Speed factor: 2 is twice as fast.")] = 1.0,
) -> None:
    """Run a sample workflow on a fake server in this process: no account, no network.

    Shows the nodes while they run, the text as it is streamed, then outputs, tokens and time. If the output
    is not a terminal, it is plain text.
    """
    perform(_demo(speed))


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split(" ")]


def _workflow(speed: float) -> Workflow:
    from dify_async.testing import Field, Node, Workflow  # noqa: PLC0415 - a whole server

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


async def _demo(speed: float) -> None:
    from dify_async.testing import FakeDify  # noqa: PLC0415 - a whole server

    console = Console()
    with FakeDify(_workflow(speed)) as dify:
        console.print(f"A fake Dify {dify.version} for this demo listens at {dify.base_url}", style="dim")
        async with (
            AppClient(dify.api_key, user="demo", base_url=dify.base_url) as client,
            client.workflows.stream({"city": "Lisbon"}) as run,
        ):
            with view_on(console) as view:
                async for event in run:
                    view.take(event)
            view.conclude(await run.result())
    console.print(_NEXT, highlight=False, soft_wrap=True)
