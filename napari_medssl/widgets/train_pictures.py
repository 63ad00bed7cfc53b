"""Validation pictures: what the network was given, what it should have made of it, and what it made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPixmap
from qtpy.QtWidgets import QHBoxLayout, QLabel, QSlider, QToolButton, QVBoxLayout, QWidget

from napari_medssl.training.track import Seen

Captions = Sequence[tuple[str, int, int]]  # text, left edge and width in the picture's pixels


class PicturePanel(QWidget):
    """The pictures of one validation; a slider goes through the validations, an arrow through its pictures.

    `wanted` is emitted with a picture's path in the run folder, which `show_picture` then brings.
    """

    wanted = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._seen: list[Seen] = []
        self._number = 0
        self._follows = True
        self.shown: str | None = None
        self.picture = CaptionedPicture()
        self.title = QLabel()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setAccessibleName("Validation")
        self.slider.setToolTip("Earlier and later pictures.")
        self.slider.valueChanged.connect(self._on_moved)
        self.other = QToolButton()
        self.other.setText("Next picture")
        self.other.setAccessibleName("Next picture")
        self.other.clicked.connect(self._on_other)
        line = QHBoxLayout()
        line.addWidget(self.title)
        line.addWidget(self.slider, 1)
        line.addWidget(self.other)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(line)
        column.addWidget(self.picture)
        self.show_validations([])

    def show_validations(self, seen: Sequence[Seen]) -> None:
        """Offer the pictures of these validations; the newest is shown unless an earlier one was chosen."""
        self._seen = [one for one in seen if one.pictures]
        self.setVisible(bool(self._seen))
        self.slider.blockSignals(True)
        place = len(self._seen) - 1 if self._follows else min(self.slider.value(), len(self._seen) - 1)
        self.slider.setRange(0, max(0, len(self._seen) - 1))
        self.slider.setValue(max(0, place))
        self.slider.setVisible(len(self._seen) > 1)
        self.slider.blockSignals(False)
        self._ask()

    def start_over(self) -> None:
        """Another run: nothing is shown, and the newest is followed again."""
        self._follows, self._number, self.shown = True, 0, None
        self.picture.show_picture(QPixmap(), [])

    def show_picture(self, path: str, content: bytes, captions: Captions) -> None:
        """Here is the picture that was wanted."""
        pixmap = QPixmap()
        if path == self.shown and pixmap.loadFromData(content):
            self.picture.show_picture(pixmap, captions)

    def _on_moved(self, place: int) -> None:
        self._follows = place == self.slider.maximum()
        self._ask()

    def _on_other(self) -> None:
        self._number += 1
        self._ask()

    def _ask(self) -> None:
        if not self._seen:
            return
        seen = self._seen[self.slider.value()]
        number = self._number % len(seen.pictures)
        count = f", {number + 1} of {len(seen.pictures)}" if len(seen.pictures) > 1 else ""
        self.title.setText(f"Step {seen.step}{' (best)' if self._is_best(seen) else ''}{count}")
        self.other.setVisible(len(seen.pictures) > 1)
        if self.shown != seen.pictures[number]:
            self.shown = seen.pictures[number]
            self.wanted.emit(self.shown)

    def _is_best(self, seen: Seen) -> bool:
        return seen.best and not any(later.best for later in self._seen if later.step > seen.step)


class CaptionedPicture(QWidget):
    """A row of slices as wide as there is room, with a caption under each."""

    _CAPTION = 16

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        self._captions: Captions = []
        self.setAccessibleName("Validation picture")

    def show_picture(self, pixmap: QPixmap, captions: Captions) -> None:
        self._pixmap, self._captions = pixmap, captions
        self.setAccessibleDescription(", ".join(caption for caption, _, _ in captions))
        self._fit()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        return QSize(300, self.height())

    def resizeEvent(self, event: object) -> None:  # noqa: N802  (Qt's name)
        self._fit()

    def _scale(self) -> float:
        return min(1.5, self.width() / max(1, self._pixmap.width()), 220 / max(1, self._pixmap.height()))

    def _fit(self) -> None:
        height = 0 if self._pixmap.isNull() else round(self._pixmap.height() * self._scale()) + self._CAPTION
        if self.minimumHeight() != height:
            self.setFixedHeight(height)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        if self._pixmap.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        scale = self._scale()
        width, height = self._pixmap.width() * scale, self._pixmap.height() * scale
        painter.drawPixmap(QRectF(0, 0, width, height), self._pixmap, QRectF(self._pixmap.rect()))
        painter.setPen(QColor(self.palette().color(self.foregroundRole())))
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        for caption, left, wide in self._captions:
            box = QRectF(left * scale, height, wide * scale, self._CAPTION)
            elided = painter.fontMetrics().elidedText(caption, Qt.TextElideMode.ElideRight, int(box.width()))
            painter.drawText(box, Qt.AlignmentFlag.AlignCenter, elided)


def read_picture(run: Path, path: str) -> tuple[bytes, Captions]:
    """A picture of a run, and its captions; nothing where the file is gone."""
    from napari_medssl.training.pictures import read_captions

    try:
        return (run / path).read_bytes(), read_captions(run / path)
    except (OSError, ValueError, TypeError):
        return b"", []
