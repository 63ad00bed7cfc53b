"""The errors a person is meant to read: one clear sentence, never a traceback."""


class BadInput(ValueError):
    """Something the user gave cannot be used.

    The message is one sentence that names the file, layer or option and says what to do about it. The
    command line prints it and exits with 2; the widgets show it.
    """


class Cancelled(Exception):
    """The user stopped the work; what was finished before is kept by whoever raised it."""
