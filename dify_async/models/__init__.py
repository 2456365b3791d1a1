"""Everything that comes back from Dify, as plain attrs classes.

Models are read-only by convention. Those that were received whole have `.raw`: the JSON as it came, with
the fields that this SDK does not know. Times are aware `datetime`s, prices `Decimal`s, durations seconds.
"""

from dify_async.models._base import Page
from dify_async.models.app import (
    AppInfo,
    AppMeta,
    AppMode,
    AppParameters,
    AppSite,
    Feature,
    FileUpload,
    ImageUpload,
    InputField,
    ServerInfo,
    SystemParameters,
    TextToSpeech,
)
from dify_async.models.files import FileType, RunFile, TransferMethod, UploadedFile
from dify_async.models.forms import FormAction, FormInput, Pause, PauseReason, PauseType
from dify_async.models.messages import (
    AgentThought,
    ChatResult,
    CompletionResult,
    MessageMetadata,
    RetrieverResource,
    Usage,
)
from dify_async.models.runs import (
    Account,
    AppKind,
    EndUser,
    LoggedRun,
    NodeStatus,
    RunHandle,
    RunStatus,
    Stopped,
    WorkflowLog,
    WorkflowLogPage,
    WorkflowResult,
    WorkflowRun,
)

__all__ = [
    "Account",
    "AgentThought",
    "AppInfo",
    "AppKind",
    "AppMeta",
    "AppMode",
    "AppParameters",
    "AppSite",
    "ChatResult",
    "CompletionResult",
    "EndUser",
    "Feature",
    "FileType",
    "FileUpload",
    "FormAction",
    "FormInput",
    "ImageUpload",
    "InputField",
    "LoggedRun",
    "MessageMetadata",
    "NodeStatus",
    "Page",
    "Pause",
    "PauseReason",
    "PauseType",
    "RetrieverResource",
    "RunFile",
    "RunHandle",
    "RunStatus",
    "ServerInfo",
    "Stopped",
    "SystemParameters",
    "TextToSpeech",
    "TransferMethod",
    "UploadedFile",
    "Usage",
    "WorkflowLog",
    "WorkflowLogPage",
    "WorkflowResult",
    "WorkflowRun",
]
