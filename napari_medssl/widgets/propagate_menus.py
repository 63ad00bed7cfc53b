"""Filling the menu of devices, without holding up the viewer."""

from __future__ import annotations

from typing import Any

from napari_medssl.widgets.preferences import device_preference
from napari_medssl.widgets.propagate_options import PropagateOptions


def fill_menus(options: PropagateOptions) -> None:
    """Offer the device that the preferences name; the other devices come with `look_for_devices`."""
    wanted = device_preference()
    options.offer_devices(["auto"] if wanted == "auto" else ["auto", wanted], wanted)


def look_for_devices(options: PropagateOptions) -> None:
    """Offer the devices of this machine; asking for them loads torch, so a thread does."""
    from napari.qt.threading import create_worker

    worker: Any = create_worker(_devices)
    worker.returned.connect(options.offer_devices)
    worker.start()


def _devices() -> list[str]:
    from napari_medssl.devices import available_devices

    return available_devices()
