"""Translate messages of the SDK: they name Python arguments, the command has options."""

from __future__ import annotations

import re
from typing import Final

_TERMS: Final = {
    r"lower `?max_concurrent`?": "start fewer runs at a time",
    r"`?\bmax_concurrent\b=?`?": "--concurrency",
    r"this client takes '([a-z]+-)' keys, use \w+": r"this command takes a key that starts with '\1'",
    r"`?\bapi_key\b=?`?": "--api-key",
    r"`?\bbase_url\b=?`?": "--base-url",
    r"`?\bindexing_technique\b=?`?": "--indexing-technique",
    r"`?\bprocess_rule\b=?`?": "--process-rule",
    r"`?\bTimeouts\.total\b`?": "--timeout",
    r" \(Timeouts\.(?:connect|read|idle)\)": "",
    r": see result\.paused": "",
    r"`user`": "--user",
    r"; pass headers= if a proxy requires them": "",
    r": pass InputFile\(\.\.\.\)": ": pass it as NAME=@FILE",
    r'pass InputFile\("path"\)': "pass it as NAME=@FILE",
    r"\bclient\.app\.info\(\)": "`dify-async info`",
    r"\bworkflows\.wait\(handle, continue_on_pause=True\)": "`dify-async watch --continue-on-pause`",
}
"""Parts of the messages of the SDK, and what replaces them on the command line."""


def in_terms_of_the_command(text: str) -> str:
    """Return a message of the SDK with the options of the command instead of Python arguments."""
    for python, option in _TERMS.items():
        text = re.sub(python, option, text)
    return text
