"""Results of runs and messages."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TypeVar

import attrs

from dify_async._types import Json
from dify_async.models._base import Received
from dify_async.models.files import RunFile
from dify_async.models.forms import Pause
from dify_async.models.messages import AgentThought, MessageMetadata, Usage
from dify_async.models.runs import RunHandle, RunStatus

__all__ = ["ChatResult", "CompletionResult", "WorkflowResult"]

T = TypeVar("T")


@attrs.frozen(kw_only=True, eq=False, repr=False)  # pyright: ignore[reportGeneralTypeIssues] - only `raw` is set late
class WorkflowResult(Received):
    """The result of a workflow run.

    `run()` and `result()` return it for runs that succeeded, completely or in part; for all others they raise
    an error that has it as `result`. `raw` is the terminal event, or the response in blocking mode.
    """

    _shown_first = ("status", "outputs")

    task_id: str | None = None
    """The task id, for `workflows.stop`. None if not known."""
    workflow_run_id: str | None = None
    """The run's id. None if the stream ended before the server sent it."""
    workflow_id: str | None = None
    """The workflow's id."""
    status: RunStatus = RunStatus.RUNNING
    """The run's status."""
    outputs: dict[str, Json] = attrs.Factory(dict[str, Json])
    """The run's outputs."""
    error: str | None = None
    """Why the run failed. None if it did not fail."""
    elapsed_time: float = 0.0
    """Duration in seconds."""
    total_tokens: int = 0
    """Tokens of all models in the run."""
    total_price: Decimal | None = attrs.field(default=None, eq=False)
    """Sum of the prices of all nodes. None if no node has a price: on the Web API, in blocking mode, and for
    a run that was recovered from its record."""
    usage_by_model: dict[str, Usage] = attrs.field(factory=dict[str, Usage], eq=False)
    """Tokens and prices of the nodes, by the name of their model. Empty where the server does not send it: on
    the Web API, in blocking mode, and for a run that was recovered from its record."""
    total_steps: int = 0
    """Number of nodes that ran."""
    created_at: datetime | None = None
    """When the run was created."""
    finished_at: datetime | None = None
    """When the run ended. None for a paused run."""
    exceptions_count: int = 0
    """Number of failures that an error strategy handled; each retry counts. 0 in blocking mode."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """All files among the outputs. Empty in blocking mode."""
    paused: Pause | None = None
    """The forms and nodes that the run waits for. None unless `status` is `paused`."""
    gap: bool = False
    """True if the stream was interrupted and the run was recovered: some text chunks and node events may not
    have been delivered. The outputs are complete."""
    reasoning: str = ""
    """Reasoning of the models: from LLM nodes that send it separately (Dify 1.16; not in blocking mode), and
    from `<think>` tags in the outputs, which stay as they were sent."""
    rejected: bool = False
    """True if the server rejected the inputs before the run started; it keeps no record of such a run."""
    handle: RunHandle | None = attrs.field(default=None, eq=False)
    """The run's handle, for `workflows.wait` and `attach`. None if the run's id is not known."""

    @property
    def run_id(self) -> str | None:
        """The run's id, as `EventStream.run_id`. The same as `workflow_run_id`."""
        return self.workflow_run_id

    @property
    def is_partial(self) -> bool:
        """Return True if the run succeeded although some of its nodes failed."""
        return self.status == RunStatus.PARTIAL_SUCCEEDED

    def outputs_as(self, kind: type[T]) -> T:
        """Return the outputs as an object of a class of yours.

        Args:
            kind: A dataclass, attrs class, TypedDict or pydantic model. Outputs that it has no field for are
                ignored. Apart from pydantic models, which have rules of their own, numbers and booleans are
                accepted as text too, because models often write them like this.

        Raises:
            DecodeError: The outputs do not fit the class.
        """
        from dify_async.models._outputs import structured  # noqa: PLC0415 - needs cattrs

        return structured(self.outputs, kind, self._payload)

    def _repr_html_(self) -> str:
        from dify_async._html import table  # noqa: PLC0415 - for notebooks only

        shown = self.to_dict()
        names = ("error", "total_tokens", "total_price", "elapsed_time", "workflow_run_id")
        return table(
            f"{type(self).__name__}: {self.status}",
            [*shown["outputs"].items(), *((name, shown[name]) for name in names)],
        )


@attrs.frozen(kw_only=True, eq=False, repr=False)  # pyright: ignore[reportGeneralTypeIssues] - only `raw` is set late
class CompletionResult(Received):
    """The answer of a completion app."""

    _shown_first = ("answer",)

    message_id: str = ""
    """The message's id."""
    task_id: str | None = None
    """The task id, to stop the answer while it is streamed. None if not known."""
    answer: str = ""
    """The answer, as it was sent."""
    reasoning: str = ""
    """Reasoning of the model: from `<think>` tags in the answer, and in chatflows from LLM nodes that send it
    separately (Dify 1.16)."""
    clean_answer: str = attrs.field(
        default=attrs.Factory(lambda self: self.answer, takes_self=True), repr=False
    )
    """The answer without reasoning."""
    metadata: MessageMetadata = attrs.Factory(MessageMetadata)
    """Usage, sources and reasoning."""
    files: list[RunFile] = attrs.Factory(list[RunFile])
    """Files of the answer."""
    created_at: datetime | None = None
    """When the message was created."""

    @property
    def usage(self) -> Usage | None:
        """Tokens and price of the answer. None if the server does not send them."""
        return self.metadata.usage

    def _repr_html_(self) -> str:
        from dify_async._html import table  # noqa: PLC0415 - for notebooks only

        usage = self.usage
        rows: list[tuple[str, Json]] = [("answer", self.answer)]
        if usage is not None:
            price = None if usage.total_price is None else str(usage.total_price)
            rows += [("total_tokens", usage.total_tokens), ("total_price", price)]
        return table(type(self).__name__, [*rows, ("message_id", self.message_id)])


@attrs.frozen(kw_only=True, eq=False, repr=False)
class ChatResult(CompletionResult):
    """The answer of a chat, chatflow or agent app."""

    conversation_id: str = ""
    """Id of the conversation, to continue it. A chatflow silently starts a new conversation for an unknown
    id."""
    agent_thoughts: list[AgentThought] = attrs.Factory(list[AgentThought])
    """Steps of the agent. Empty for other apps."""
    run: WorkflowResult | None = None
    """The workflow run behind the answer. None except for chatflows."""

    @property
    def run_id(self) -> str | None:
        """The id of the run behind the answer. Chatflows only."""
        return self.run.workflow_run_id if self.run is not None else None

    @property
    def paused(self) -> Pause | None:
        """The forms and nodes that the run behind the answer waits for. None unless a chatflow is paused."""
        return self.run.paused if self.run is not None else None

    @property
    def handle(self) -> RunHandle | None:
        """Handle of the run behind the answer, for `workflows.wait`. None except for chatflows."""
        return self.run.handle if self.run is not None else None


def usage_of(result: object) -> Usage | None:
    """Return the tokens and the price of a result; None if the server does not report them."""
    match result:
        case WorkflowResult() as run:
            return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
        case ChatResult(usage=None, run=WorkflowResult() as run):
            return Usage(total_tokens=run.total_tokens, total_price=run.total_price)
        case CompletionResult() as answer:
            return answer.usage
        case _:
            return None
