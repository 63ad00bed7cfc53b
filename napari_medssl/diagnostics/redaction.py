"""Take names of people and machines out of what is pasted in public."""

from __future__ import annotations

import getpass
import platform
import re
from pathlib import Path
from typing import Any


def redact(value: Any) -> Any:
    """`value` (text, or lists and dictionaries of it) with the home folder as ``~`` and no user or host name."""
    if isinstance(value, dict):
        return {key: redact(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact(item) for item in value]
    if not isinstance(value, str):
        return value
    text = value
    home = str(Path.home())
    if len(home) > 1:
        text = re.sub(re.escape(home) + r"(?=$|[^\w.-])", "~", text)
    if len(user := _user()) > 1:
        text = re.sub(rf"(?<=[/\\]){re.escape(user)}(?=[/\\]|$)", "<user>", text)
    for host in (platform.node(), platform.node().split(".")[0]):
        if len(host) > 1:
            text = re.sub(rf"(?<![\w-]){re.escape(host)}(?![\w-])", "<host>", text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a user id without a name, as in some containers
        return ""
