"""Reads findings in a process of its own until it is killed: a search, an accept and, where asked for, a second search.

    python reading_killed.py SCAN search|accept

Prints "ready" once the accept is done, and the second search is under way.
"""

from __future__ import annotations

import sys
from typing import Any


def main(scan: str, moment: str) -> None:
    from napari.components import ViewerModel
    from npe2 import PluginManager
    from qtpy.QtCore import QTimer
    from qtpy.QtWidgets import QApplication

    from napari_medssl.widgets.nodules import NodulesWidget
    from tests.gui.nodules_kit import answer
    from tests.gui.waiting_engine import WaitingEngine

    app = QApplication.instance() or QApplication([])
    PluginManager.instance().discover()
    viewer: Any = ViewerModel()
    viewer.open(scan, plugin="napari-medssl")
    engine = WaitingEngine(answer)
    widget = NodulesWidget(viewer, engine=engine)
    widget.form.find.click()

    def look() -> None:
        if widget.run is not None:
            return
        timer.stop()
        widget.reader.choose(1)
        widget.form.accept.click()
        if moment == "search":
            engine.go_on.clear()
            engine.started.clear()
            widget.form.find.click()
            engine.started.wait()
        print("ready", flush=True)

    timer = QTimer()
    timer.timeout.connect(look)
    timer.start(5)
    app.exec()


if __name__ == "__main__":
    main(*sys.argv[1:])
