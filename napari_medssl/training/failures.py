"""What went wrong in a run, in a sentence that says what to do."""

from __future__ import annotations

import errno

from napari_medssl.errors import BadInput

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def sentence_for(error: BaseException) -> str | None:
    """A sentence for an error whose cause is known; None where it is a fault of ours."""
    if isinstance(error, BadInput):
        return str(error)
    text = str(error)
    if type(error).__name__ == "OutOfMemoryError" or "out of memory" in text.lower():
        return (
            "The graphics card ran out of memory. Nothing is lost: resume with fewer samples per step (batch),"
            " close other programs that use the card, or resume on the CPU (device)."
        )
    if isinstance(error, MemoryError) or "can't allocate memory" in text.lower():
        return (
            "The computer ran out of memory. Nothing is lost: resume with fewer samples per step (batch) or less memory"
            " for scans (memory_gb)."
        )
    if isinstance(error, OSError) and (error.errno in _DISK or "no space left" in text.lower()):
        return "The disk is full. The last checkpoint is kept: make room and resume the run."
    if isinstance(error, OSError):
        where = f" {error.filename}" if error.filename else ""
        return f"A file could not be used:{where} ({(error.strerror or text).lower()}). Mend that and resume the run."
    if "No space left" in text:  # as safetensors puts it
        return "The disk is full. The last checkpoint is kept: make room and resume the run."
    return None
