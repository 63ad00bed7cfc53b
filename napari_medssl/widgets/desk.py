"""Work for threads, with the answers handed over on Qt's thread."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

LOOK_MS = 80

Errand = Callable[[], Any]
Then = Callable[[Any], None]
Failed = Callable[[BaseException], None]


class Stop:
    """The way to stop an errand; it may outlive every Qt object around it."""

    def __init__(self) -> None:
        self._asked = threading.Event()

    def ask(self, *_: Any) -> None:
        self._asked.set()

    def __call__(self) -> bool:
        return self._asked.is_set()


class Desk(QObject):
    """Runs errands in threads of their own and calls back on Qt's thread, as long as the desk is there.

    The threads hold nothing of Qt: an answer goes into a queue that a timer empties. So no Qt object can be deleted
    in a wrong thread, and an answer to a widget that is gone goes nowhere.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._answers: queue.SimpleQueue[tuple[int, bool, Any]] = queue.SimpleQueue()
        self._waiting: dict[int, tuple[Then | None, Failed | None]] = {}
        self._told: dict[int, Then] = {}
        self._number = 0
        self._timer = QTimer(self)
        self._timer.setInterval(LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def send(self, errand: Errand, then: Then | None = None, failed: Failed | None = None) -> None:
        """Do `errand` in a thread; then call `then` with its answer, or `failed` with what it raised."""
        self._number += 1
        self._waiting[self._number] = (then, failed)
        threading.Thread(target=_do, args=(errand, self._number, self._answers), daemon=True).start()

    def line(self, then: Then) -> Callable[[Any], None]:
        """A function that any thread may call, for `then` to be called with the same on Qt's thread."""
        self._number += 1
        self._told[self._number] = then
        number, answers = self._number, self._answers
        return lambda what: answers.put((number, True, what))

    @property
    def busy(self) -> bool:
        """Whether an errand is under way."""
        return bool(self._waiting)

    def look(self) -> None:
        """Hand over what has arrived."""
        for _ in range(self._answers.qsize()):
            number, good, what = self._answers.get()
            if number in self._told:
                self._told[number](what)
                continue
            then, failed = self._waiting.pop(number, (None, None))
            if good and then is not None:
                then(what)
            elif not good and failed is not None:
                failed(what)


def _do(errand: Errand, number: int, answers: queue.SimpleQueue[tuple[int, bool, Any]]) -> None:
    try:
        answer = errand()
    except BaseException as error:
        answers.put((number, False, error))
    else:
        answers.put((number, True, answer))
