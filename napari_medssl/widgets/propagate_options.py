"""The options of the Propagate widget that most people never open."""

from __future__ import annotations

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QFormLayout, QLabel, QSpinBox, QWidget

from napari_medssl.errors import BadInput
from napari_medssl.widgets.controls import button, menu, row
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.planes import NAMES

DEVICE_NAMES = {"auto": "Automatic", "cpu": "CPU", "cuda": "NVIDIA GPU", "mps": "Apple GPU"}


class PropagateOptions(QWidget):
    """Which labels, which plane, which slices, and how; `changed` is emitted when any of it changes."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.which = menu(
            [("All that are drawn", "all"), ("Only the selected label", "selected")],
            "Labels to propagate",
            "Carry every label that is drawn, or only the one that is selected in the layer's controls.",
        )
        self.plane = menu(
            [("As drawn", None), *((name.capitalize(), axis) for axis, name in enumerate(NAMES))],
            "Plane",
            "The plane of the slices that were drawn; the result is carried across it.",
        )
        self.all_slices = QCheckBox("all")
        self.first, self.last = QSpinBox(), QSpinBox()
        self.from_here = button("From here", "Fill slices from the one that is shown on.")
        self.to_here = button("To here", "Fill slices up to the one that is shown.")
        self.model = ModelMenu("propagation", "The network that finds the structure again on the next slice.")
        self.device = menu([("Automatic", "auto")], "Device", "Automatic takes a GPU where there is one.")
        self.verification = menu(
            [("Automatic", "auto"), ("Off", "none"), ("As published", "paper")],
            "Verification",
            "Remove propagated voxels whose brightness fits the surroundings better than the structure.\n"
            "Automatic does so where the drawn slices show that it helps.",
        )
        self._knows_devices = False
        self._lay_out()

    def _lay_out(self) -> None:
        self.all_slices.setChecked(True)
        self.all_slices.setAccessibleName("All slices")
        self.all_slices.setToolTip("Fill all slices, or only those from one number to another.")
        self.all_slices.toggled.connect(self._on_all)
        for spin, name in ((self.first, "First slice"), (self.last, "Last slice")):
            spin.setAccessibleName(name)
            spin.setToolTip(f"{name} to fill; slices outside stay as they are.")
            spin.setKeyboardTracking(False)
            spin.valueChanged.connect(lambda _: self.changed.emit())
        to = QLabel("to")
        self._range = row(self.first, to, self.last)
        # four digits; what napari asks for is more than the dock has beside a bar to scroll by
        self._range.setStyleSheet("QSpinBox { min-width: 52px; }")
        rows = QFormLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for title, control in (
            ("Labels", self.which),
            ("Plane", self.plane),
            ("Slices", row(self.all_slices, self.from_here, self.to_here)),
            ("", self._range),
            ("Model", self.model),
            ("Device", self.device),
            ("Verification", self.verification),
        ):
            rows.addRow(title, control)
        self._on_all(True)
        for combo in (self.which, self.plane, self.device, self.verification):
            combo.currentIndexChanged.connect(lambda _: self.changed.emit())
        self.model.chosen.connect(self.changed)

    def _on_all(self, everything: bool) -> None:
        self._range.setVisible(not everything)
        self.changed.emit()

    def set_count(self, count: int) -> None:
        """Adapt to a scan of `count` slices; numbers that no longer fit are brought back into it."""
        if self.first.maximum() == count - 1 == self.last.maximum():
            return
        whole = self.last.value() == self.last.maximum()
        for spin in (self.first, self.last):
            spin.setRange(0, max(0, count - 1))
        if whole or self.all_slices.isChecked():
            self.first.setValue(0)
            self.last.setValue(count - 1)

    def set_drawn_plane(self, axis: int | None) -> None:
        """Say in the menu which plane "as drawn" stands for."""
        self.plane.setItemText(0, "As drawn" if axis is None else f"As drawn ({NAMES[axis]})")

    @property
    def knows_devices(self) -> bool:
        """Whether the devices of this machine have been offered."""
        return self._knows_devices

    def offer_devices(self, names: list[str], wanted: str | None = None) -> None:
        """Fill the menu of devices and choose `wanted`; None keeps the choice and says that there are no others."""
        self._knows_devices = wanted is None
        chosen = self.device.currentData() if wanted is None else wanted
        self.device.blockSignals(True)
        self.device.clear()
        for name in names:
            kind, _, number = name.partition(":")
            self.device.addItem(DEVICE_NAMES.get(kind, kind) + (f" {number}" if number else ""), name)
        self.device.setCurrentIndex(max(0, self.device.findData(chosen)))
        self.device.blockSignals(False)

    def limits(self) -> tuple[int, int] | None:
        """The first and the last slice to fill, or None for all."""
        if self.all_slices.isChecked():
            return None
        return min(self.first.value(), self.last.value()), max(self.first.value(), self.last.value())

    def limit(self, first: int, last: int) -> None:
        """Fill only slices `first` to `last`; all, where these are the ends of the scan."""
        for spin, value in ((self.first, first), (self.last, last)):
            spin.setValue(value)
        self.all_slices.setChecked(first <= 0 and last >= self.last.maximum())

    def slice_range(self) -> tuple[int, int] | None:
        """Half-open, or None for all slices.

        Raises
        ------
        BadInput
            The last slice comes before the first.
        """
        if self.all_slices.isChecked():
            return None
        first, last = self.first.value(), self.last.value()
        if last < first:
            raise BadInput(f"The slices run from {first} to {last}; give the smaller number first.")
        return first, last + 1
