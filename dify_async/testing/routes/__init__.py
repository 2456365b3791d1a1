"""The operations of all APIs: their credentials and their handlers."""

from typing import Final

from dify_async.testing.routes import (
    annotations,
    app,
    audio,
    chat,
    conversations,
    files,
    forms,
    knowledge,
    logins,
    messages,
    passports,
    runs,
    system,
)
from dify_async.testing.routes.call import Routes

_BOTH: Final[Routes] = [
    *app.BOTH,
    *runs.BOTH,
    *chat.BOTH,
    *conversations.BOTH,
    *messages.BOTH,
    *files.BOTH,
    *audio.BOTH,
]
SERVICE: Final[Routes] = [
    *_BOTH,
    *app.SERVICE,
    *runs.SERVICE,
    *conversations.SERVICE,
    *messages.SERVICE,
    *files.SERVICE,
    *annotations.SERVICE,
    *forms.SERVICE,
]
"""Operations of the Service API, below `/v1`; they require the API key."""
SERVICE_OPEN: Final[Routes] = app.SERVICE_OPEN
"""Operations of the Service API without credentials."""
WEB: Final[Routes] = [*_BOTH, *app.WEB, *chat.WEB, *conversations.WEB, *messages.WEB, *files.WEB]
"""Operations of the Web API, below `/api`; they require a passport."""
WEB_OPEN: Final[Routes] = [*passports.WEB_OPEN, *system.WEB_OPEN, *logins.WEB_OPEN, *forms.WEB_OPEN]
"""Operations of the Web API without credentials."""

KNOWLEDGE: Final[Routes] = knowledge.ROUTES
"""Operations of the Knowledge API, below `/v1`; they require its key."""
FILES: Final[Routes] = knowledge.OPEN
"""Signed URLs of files, which do not belong to an API."""

OPERATIONS: Final = [
    (method, prefix + path)
    for prefix, routes in (("/v1", [*SERVICE_OPEN, *SERVICE, *KNOWLEDGE]), ("/api", [*WEB_OPEN, *WEB]))
    for method, path, _ in routes
]
"""Methods and paths of all operations."""
