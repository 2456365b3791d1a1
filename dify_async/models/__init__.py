"""The data that Dify returns, as plain attrs classes.

Models are read-only by convention. A model of a complete response has `.raw`: its JSON, including fields that
this SDK does not know. Times are aware `datetime`s, prices `Decimal`s, durations seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

from dify_async.models._base import Page as Page
from dify_async.models.annotations import *
from dify_async.models.app import *
from dify_async.models.audio import *
from dify_async.models.conversations import *
from dify_async.models.feedback import *
from dify_async.models.files import *
from dify_async.models.forms import *
from dify_async.models.inputs import *
from dify_async.models.logs import *
from dify_async.models.messages import *
from dify_async.models.parameters import *
from dify_async.models.parts import *
from dify_async.models.results import *
from dify_async.models.runs import *
from dify_async.models.site import *
from dify_async.models.success import *
from dify_async.models.users import *

if TYPE_CHECKING:
    from dify_async.models.auth import *
    from dify_async.models.datasets import *
    from dify_async.models.documents import *
    from dify_async.models.indexing import *
    from dify_async.models.metadata import *
    from dify_async.models.pipeline import *
    from dify_async.models.providers import *
    from dify_async.models.retrieval import *
    from dify_async.models.segments import *
    from dify_async.models.system import *
    from dify_async.models.tags import *
else:
    # `AppClient` does not need these modules, so they are imported when one of their names is first used.
    _OF_WEB_API: Final = ("auth", "system")
    _OF_KNOWLEDGE: Final = (
        "tags",
        "metadata",
        "segments",
        "retrieval",
        "datasets",
        "documents",
        "indexing",
        "pipeline",
        "providers",
    )

    def __getattr__(name: str) -> object:
        for module in map(import_module, (f"{__name__}.{one}" for one in (*_OF_WEB_API, *_OF_KNOWLEDGE))):
            if name in module.__all__:
                return globals().setdefault(name, getattr(module, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
