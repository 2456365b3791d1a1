"""The data that Dify returns, as plain attrs classes.

Models are read-only by convention. A model of a complete response has `.raw`: its JSON, including fields that
this SDK does not know. Times are aware `datetime`s, prices `Decimal`s, durations seconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from dify_async.models._base import Page as Page
    from dify_async.models.annotations import *
    from dify_async.models.app import *
    from dify_async.models.audio import *
    from dify_async.models.auth import *
    from dify_async.models.conversations import *
    from dify_async.models.datasets import *
    from dify_async.models.documents import *
    from dify_async.models.feedback import *
    from dify_async.models.files import *
    from dify_async.models.forms import *
    from dify_async.models.indexing import *
    from dify_async.models.inputs import *
    from dify_async.models.logs import *
    from dify_async.models.messages import *
    from dify_async.models.metadata import *
    from dify_async.models.parameters import *
    from dify_async.models.parts import *
    from dify_async.models.pipeline import *
    from dify_async.models.providers import *
    from dify_async.models.results import *
    from dify_async.models.retrieval import *
    from dify_async.models.runs import *
    from dify_async.models.segments import *
    from dify_async.models.site import *
    from dify_async.models.success import *
    from dify_async.models.system import *
    from dify_async.models.tags import *
    from dify_async.models.users import *
else:
    # No client needs all of them, so a module is imported when one of its names is first used. The modules
    # that most programs need are the first ones.
    _MODULES: Final = (
        "_base",
        "runs",
        "results",
        "files",
        "parts",
        "forms",
        "messages",
        "inputs",
        "parameters",
        "app",
        "site",
        "feedback",
        "conversations",
        "logs",
        "users",
        "annotations",
        "audio",
        "success",
        "auth",
        "system",
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
        if name == "__all__":
            return __dir__()
        if not name.startswith("_"):
            for module in map(import_module, (f"{__name__}.{one}" for one in _MODULES)):
                if name in module.__all__:
                    return globals().setdefault(name, getattr(module, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        modules = (import_module(f"{__name__}.{one}") for one in _MODULES)
        return sorted(name for module in modules for name in module.__all__)
