"""Create files that only their owner can read, for the data of users."""

from __future__ import annotations

import errno
import os
import sys
from typing import Final

_NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
_MODE: Final = 0o600


def private_opener(path: str, flags: int) -> int:
    """Open a file for `open(..., opener=private_opener)`; if it is created, only its owner can read it.

    A symbolic link is followed only if it belongs to this user or to root: in a shared directory, another
    user may have created one to make us overwrite one of our own files.

    Raises:
        OSError: The file cannot be opened, or the path is a symbolic link of another user.
    """
    try:
        return os.open(path, flags | _NO_FOLLOW, _MODE)
    except OSError as exc:
        # FreeBSD reports a link as EMLINK.
        if not _NO_FOLLOW or exc.errno not in {errno.ELOOP, errno.EMLINK} or not _is_own_link(path):
            raise
    return os.open(path, flags, _MODE)


def _is_own_link(path: str) -> bool:
    if sys.platform == "win32":
        return True
    return os.lstat(path).st_uid in {0, os.geteuid()}
