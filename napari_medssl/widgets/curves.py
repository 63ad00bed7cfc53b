"""A plot of curves: a run's loss or a metric over its steps, several runs in one, values under the mouse.

Painted here rather than by a plotting library: a plot of these is a page of code, follows napari's theme, and leaves no
graphics objects for Python's garbage collector, which may run in any thread while Qt's objects must go in theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_medssl.widgets.curve_maths import Numbers, log_ticks, number_text, smooth, thin, ticks, usable

# Told apart by people who do not see red or green, and readable on dark and on light.
COLOURS = ("#4a90d9", "#e08a2c", "#3aa36b", "#b06fd0", "#d9534f", "#2fa5a5", "#9a8f2f", "#7d8a99")
SMOOTH_SHARE = 0.05  # of the run's points, over which the smoothed curve averages
MOST_DOTS = 40
_EDGES = (48, 8, 10, 20)  # left, top, right, bottom: room for numbers


@dataclass(frozen=True)
class Line:
    """One curve: `x` rises; both (n,). `dots` marks each point, for curves of few."""

    label: str
    colour: str
    x: Numbers
    y: Numbers
    dots: bool = False


@dataclass(frozen=True)
class Reading:
    """What a curve says at a place."""

    label: str
    x: float
    y: float


class Plot(QWidget):
    """Curves over steps."""

    def __init__(self, name: str, empty: str, parent: QWidget | None = None) -> None:
        """`empty` stands there while there is nothing to draw."""
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(96)
        self._empty = empty
        self._given: list[Line] = []
        self._lines: list[Line] = []  # what can be drawn
        self._log = self._smooth = False
        self._limits: tuple[float, float, float, float] | None = None
        self._hover: float | None = None

    def sizeHint(self) -> QSize:  # noqa: N802  (Qt's name)
        return QSize(320, 108)

    def show_lines(self, lines: Sequence[Line]) -> None:
        self._given = list(lines)
        self._arrange()

    def set_log(self, log: bool) -> None:
        """A logarithmic scale upwards; values that are not above 0 are left out."""
        self._log = log
        self._arrange()

    def set_smooth(self, on: bool) -> None:
        """Draw a running average over the curve, which turns pale."""
        self._smooth = on
        self.update()

    def readings(self, x: float) -> list[Reading]:
        """What each curve says at its point nearest to `x`."""
        found = []
        for line in self._lines:
            nearest = int(np.argmin(np.abs(line.x - x)))
            found.append(Reading(line.label, float(line.x[nearest]), float(line.y[nearest])))
        return found

    def readings_text(self, x: float) -> str:
        """The readings in words."""
        several = len(self._lines) > 1
        return "\n".join(
            f"step {one.x:.0f}: {number_text(one.y)}" + (f"  {one.label}" if several else "")
            for one in self.readings(x)
        )

    @property
    def frame(self) -> QRectF:
        """Where the curves lie, in pixels."""
        left, top, right, bottom = _EDGES
        return QRectF(left, top, max(1, self.width() - left - right), max(1, self.height() - top - bottom))

    def step_at(self, pixel: float) -> float:
        """The step at a place from the left, in pixels."""
        if self._limits is None:
            return 0.0
        low, high = self._limits[:2]
        share = (pixel - self.frame.left()) / self.frame.width()
        return float(low + min(1.0, max(0.0, share)) * (high - low))

    def _arrange(self) -> None:
        lines = []
        for line in self._given:
            x, y = usable(np.asarray(line.x, dtype=float), np.asarray(line.y, dtype=float), self._log)
            if len(x):
                lines.append(Line(line.label, line.colour, x, y, line.dots))
        self._lines = lines
        self._limits = self._find_limits() if lines else None
        words = [f"{line.label}: {number_text(float(line.y[-1]))} at step {line.x[-1]:.0f}" for line in lines]
        self.setAccessibleDescription("; ".join(words) or self._empty)
        self.update()

    def _find_limits(self) -> tuple[float, float, float, float]:
        left, right = min(line.x[0] for line in self._lines), max(line.x[-1] for line in self._lines)
        low, high = min(line.y.min() for line in self._lines), max(line.y.max() for line in self._lines)
        if self._log:
            room = max((high / low) ** 0.05, 1.02)
            return left, max(right, left + 1), low / room, high * room
        room = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
        # A curve near 0 begins at 0: its distance from there says something.
        floor = 0.0 if 0 <= low < 0.4 * high else low - room
        return left, max(right, left + 1), floor, high + room

    def _place(self, line: Line, y: Numbers) -> QPolygonF:
        assert self._limits is not None
        left, right, low, high = self._limits
        frame = self.frame
        across = frame.left() + (line.x - left) / (right - left) * frame.width()
        if self._log:
            y, low, high = np.log(y), float(np.log(low)), float(np.log(high))
        up = frame.bottom() - (y - low) / (high - low) * frame.height()
        across, up = thin(across, up, 2 * int(frame.width()))
        return QPolygonF([QPointF(px, py) for px, py in zip(across, up, strict=True)])

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802  (Qt's name)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = QColor(self.palette().color(self.foregroundRole()))
        if self._limits is None:
            ink.setAlpha(150)
            painter.setPen(ink)
            painter.drawText(self.rect().adjusted(8, 8, -8, -8), _CENTRED, self._empty)
            return
        self._paint_axes(painter, ink)
        painter.setClipRect(self.frame.adjusted(-3, -3, 3, 3))
        for line in reversed(self._lines):  # the first one lies on top
            self._paint_line(painter, line)
        painter.setClipping(False)
        if self._hover is not None:
            self._paint_hover(painter, ink, self._hover)

    def _paint_axes(self, painter: QPainter, ink: QColor) -> None:
        assert self._limits is not None
        left, right, low, high = self._limits
        frame = self.frame
        pale, faint = QColor(ink), QColor(ink)
        pale.setAlpha(170)
        faint.setAlpha(45)
        font = painter.font()
        font.setPixelSize(10)
        painter.setFont(font)
        rows = max(3, int(frame.height() // 22))
        for value in (log_ticks if self._log else ticks)(low, high, rows):
            share = (
                np.log(value / low) / np.log(high / low) if self._log else (value - low) / (high - low)
            )
            y = frame.bottom() - float(share) * frame.height()
            painter.setPen(QPen(faint, 1))
            painter.drawLine(QPointF(frame.left(), y), QPointF(frame.right(), y))
            painter.setPen(pale)
            box = QRectF(0, y - 8, frame.left() - 5, 16)
            painter.drawText(box, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, number_text(value))
        for value in ticks(left, right, max(2, int(frame.width() // 70))):
            if value == int(value):
                x = frame.left() + (value - left) / (right - left) * frame.width()
                box = QRectF(x - 35, frame.bottom() + 3, 70, 16)
                painter.drawText(box, Qt.AlignmentFlag.AlignHCenter, _steps_text(value))

    def _paint_line(self, painter: QPainter, line: Line) -> None:
        colour = QColor(line.colour)
        smoothed = self._smooth and not line.dots and len(line.x) > 20
        if smoothed:
            pale = QColor(colour)
            pale.setAlpha(80)
            painter.setPen(QPen(pale, 1))
            painter.drawPolyline(self._place(line, line.y))
        painter.setPen(QPen(colour, 1.8))
        y = smooth(line.y, SMOOTH_SHARE * len(line.y)) if smoothed else line.y
        points = self._place(line, y)
        painter.drawPolyline(points)
        if (line.dots and len(line.x) <= MOST_DOTS) or len(line.x) == 1:
            painter.setBrush(colour)
            for index in range(points.count()):
                painter.drawEllipse(points.at(index), 2.5, 2.5)
            painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_hover(self, painter: QPainter, ink: QColor, pixel: float) -> None:
        frame = self.frame
        painter.setPen(QPen(ink, 1, Qt.PenStyle.DotLine))
        painter.drawLine(QPointF(pixel, frame.top()), QPointF(pixel, frame.bottom()))
        words = self.readings_text(self.step_at(pixel))
        box = painter.boundingRect(QRectF(0, 0, 400, 400), Qt.AlignmentFlag.AlignLeft, words)
        box.adjust(-6, -4, 6, 4)
        right = pixel + 8 + box.width() <= self.width()
        box.moveTopLeft(QPointF(pixel + 8 if right else max(0.0, pixel - 8 - box.width()), frame.top() + 2))
        paper = QColor(self.palette().color(self.backgroundRole()))
        paper.setAlpha(235)
        painter.setPen(QPen(ink, 1))
        painter.setBrush(paper)
        painter.drawRoundedRect(box, 3, 3)
        painter.drawText(box.adjusted(6, 4, -6, -4), Qt.AlignmentFlag.AlignLeft, words)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802  (Qt's name)
        x = event.position().x()
        self._hover = x if self._limits and self.frame.left() <= x <= self.frame.right() else None
        self.update()

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802  (Qt's name)
        self._hover = None
        self.update()


_CENTRED = Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap


def _steps_text(value: float) -> str:
    return f"{value / 1000:g}k" if value >= 10000 else f"{value:g}"
