"""A slim row over all slices of the working plane: how sure each is, what was drawn, where one is, where to go."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt, Signal
from qtpy.QtGui import QBrush, QColor, QHelpEvent, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_medssl.propagation.strip import Strip, lowest_by_pixel, pixel_of, worst_at

MARGIN = 9  # at either end, for the handles of the range
ARROW, BAR, MARKS = 9, 20, 12  # heights of the three lanes
GRAB = 7  # pixels around a handle that take hold of it
STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageUp: -10, Qt.Key.Key_PageDown: 10}
# From unsure to sure: below about a half little is right. Told apart by people who see no red or no green, and in grey,
# and helped by the height.
COLOURS = ((0.5, (213, 94, 0)), (0.75, (240, 198, 90)), (0.9, (128, 180, 208)), (1.0, (48, 124, 190)))


@lru_cache(maxsize=4096)  # asked for every slice whenever the strip is painted
def colour_of(confidence: float) -> tuple[int, int, int]:
    """Red, green and blue for a confidence of 0 to 1."""
    stops = [at for at, _ in COLOURS]
    red, green, blue = (
        round(float(np.interp(confidence, stops, [rgb[part] for _, rgb in COLOURS]))) for part in range(3)
    )
    return red, green, blue


class ConfidenceStrip(QWidget):
    """Shows a `Strip`, with the first slice at the left, as on the viewer's slider.

    `jumped` gives the slice that was clicked or dragged to, `ranged` the first and the last slice to fill once an end
    of the range has been dragged.
    """

    jumped = Signal(int)
    ranged = Signal(int, int)

    def __init__(self, describe: Callable[[Strip, int], str], parent: QWidget | None = None) -> None:
        """`describe` says in words what a slice of the strip shows."""
        super().__init__(parent)
        self._describe = describe
        self.strip = Strip(1)
        self.shown: int | None = None
        self.next: int | None = None
        self.range = (0, 0)
        self._lowest = np.full(1, np.nan)
        self._held: int | None = None  # which end of the range is being dragged
        self.setAccessibleName("Confidence of each slice")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        return QSize(240, ARROW + BAR + MARKS + 2)

    minimumSizeHint = sizeHint  # noqa: N815

    def show_strip(self, strip: Strip, following: int | None, limits: tuple[int, int] | None) -> None:
        """Show a strip, the slice to check next, and the first and last slice to fill (None for all)."""
        if strip != self.strip:
            self.strip, self._lowest = strip, strip.lowest()
        self.next = following
        if self._held is None:
            self.range = limits or (0, strip.count - 1)
        self._update()

    def show_slice(self, index: int | None) -> None:
        """Mark the slice that is on screen; None where another plane is."""
        self.shown = index
        self._update()

    def _update(self) -> None:
        inside = self.shown is not None and 0 <= self.shown < self.strip.count
        self.setAccessibleDescription(self._describe(self.strip, self.shown or 0) if inside else "")
        self.update()

    # Where things are

    @property
    def _bar(self) -> QRect:
        return QRect(MARGIN, ARROW, max(1, self.width() - 2 * MARGIN), BAR)

    def middle_of(self, index: int) -> float:
        """The x of the middle of a slice, in pixels of this widget."""
        first, end = pixel_of(index, self.strip.count, self._bar.width())
        return self._bar.left() + (first + end) / 2

    def slice_under(self, x: float) -> int:
        """The slice to show for a click at `x`: the least sure of those that share the pixel."""
        return worst_at(self._lowest, int(np.floor(x)) - self._bar.left(), self._bar.width())

    def _edges(self) -> tuple[int, int]:
        """x of the two ends of the range, the second beyond its last slice."""
        (first, _), (_, end) = (pixel_of(index, self.strip.count, self._bar.width()) for index in self.range)
        return self._bar.left() + first, self._bar.left() + end

    def _handle_at(self, x: float, y: float) -> int | None:
        first, end = self._edges()
        if first - GRAB <= x < first and (first == self._bar.left() or y > ARROW + BAR):
            return 0
        if end <= x < end + GRAB and (end == self._bar.right() + 1 or y > ARROW + BAR):
            return 1
        return None

    # What the person does

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton:
            self._held = self._handle_at(event.position().x(), event.position().y())
            self._follow(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.buttons() & Qt.MouseButton.LeftButton:
            self._follow(event)
        else:
            over = self._handle_at(event.position().x(), event.position().y()) is not None
            self.setCursor(Qt.CursorShape.SizeHorCursor if over else Qt.CursorShape.PointingHandCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        if event.button() == Qt.MouseButton.LeftButton and self._held is not None:
            self._held = None
            self.ranged.emit(*self.range)

    def _follow(self, event: QMouseEvent) -> None:
        index = self.slice_under(event.position().x())
        if self._held is None:
            if index != self.shown:
                self.jumped.emit(index)
            return
        first, last = self.range
        self.range = (min(index, last), last) if self._held == 0 else (first, max(index, first))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        here = self.shown or 0
        ends = {Qt.Key.Key_Home: 0, Qt.Key.Key_End: self.strip.count - 1}
        key = Qt.Key(event.key())
        plain = event.modifiers() in (Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier)
        if plain and (key in STEPS or key in ends):
            self.jumped.emit(min(max(ends.get(key, here + STEPS.get(key, 0)), 0), self.strip.count - 1))
        else:
            super().keyPressEvent(event)

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.ToolTip and isinstance(event, QHelpEvent):
            x, y = event.pos().x(), event.pos().y()
            handle = self._handle_at(x, y)
            text = self._describe(self.strip, self.slice_under(x))
            if handle is not None:
                text = "Drag to limit the slices that are filled."
            QToolTip.showText(event.globalPos(), text, self, QRect(event.pos() - QPoint(1, 1), QSize(3, self.height())))
            return True
        return super().event(event)

    # How it looks

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        ink = self.palette().windowText().color()
        bar = self._bar
        faint = QColor(ink)
        faint.setAlpha(28)
        painter.fillRect(bar, faint)
        for pixel, value in enumerate(lowest_by_pixel(self._lowest, bar.width())):
            if np.isfinite(value):
                height = round((0.3 + 0.7 * float(value)) * bar.height())
                painter.fillRect(bar.left() + pixel, bar.bottom() + 1 - height, 1, height, QColor(*colour_of(value)))
        self._paint_range(painter, ink)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        self._paint_marks(painter, ink)
        if self.next is not None and 0 <= self.next < self.strip.count:
            x = self.middle_of(self.next)
            _fill(painter, QColor(*COLOURS[0][1]), [(x - 5, 0), (x + 5, 0), (x, ARROW - 1)])
        if self.shown is not None and 0 <= self.shown < self.strip.count:
            self._paint_line(painter, ink)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(ink, 1, Qt.PenStyle.DotLine))
            painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_line(self, painter: QPainter, ink: QColor) -> None:
        """A line through the slice on screen, with a seam so that it stands out from any colour."""
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, False)
        x = int(self.middle_of(self.shown or 0))
        seam = QColor("white" if ink.lightness() < 128 else "black")
        seam.setAlpha(160)
        painter.fillRect(x - 2, ARROW - 3, 5, BAR + 6, seam)
        painter.fillRect(x - 1, ARROW - 3, 3, BAR + 6, ink)

    def _paint_range(self, painter: QPainter, ink: QColor) -> None:
        """Handles at the ends of the slices to fill, and hatching over the others."""
        (first, end), bar = self._edges(), self._bar
        hatch = QColor(ink)
        hatch.setAlpha(110)
        for left, right in ((bar.left(), first), (end, bar.right() + 1)):
            painter.fillRect(QRect(left, bar.top(), right - left, BAR), QBrush(hatch, Qt.BrushStyle.BDiagPattern))
        painter.setPen(QPen(ink, 2))
        for x, inward in ((first - 2, 4), (end + 2, -4)):
            painter.drawLine(x, bar.top(), x, ARROW + BAR + MARKS - 1)
            for y in (bar.top(), ARROW + BAR + MARKS - 1):
                painter.drawLine(x, y, x + inward // 2, y)

    def _paint_marks(self, painter: QPainter, ink: QColor) -> None:
        """Drawn first: filled; corrected: a ring; not there: a cross."""
        middle = ARROW + BAR + MARKS / 2 + 1
        first, corrected, stops = self.strip.marks()
        for index in np.flatnonzero(first):
            x = self.middle_of(int(index))
            _fill(painter, ink, [(x - 4, middle + 4), (x + 4, middle + 4), (x, middle - 4)])
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(ink, 1.6))
        for index in np.flatnonzero(corrected):
            painter.drawEllipse(QPointF(self.middle_of(int(index)), middle), 3.3, 3.3)
        for index in np.flatnonzero(stops):
            x = self.middle_of(int(index))
            for lean in (-3, 3):
                painter.drawLine(QPointF(x - lean, middle - 3), QPointF(x + lean, middle + 3))


def _fill(painter: QPainter, colour: QColor, points: list[tuple[float, float]]) -> None:
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(colour)
    painter.drawPolygon(QPolygonF([QPointF(x, y) for x, y in points]))
