"""A finished reading as training data: the scan and what was found in it, added to a folder in LUNA16's form.

Accepted nodules go into ``annotations.csv`` and the scan's name into ``seriesuids.csv``, which says that somebody
looked; what was rejected thus counts as no nodule, as every place without a row does. The scan is written first and
its name last, so that a crash between them leaves an image without labels, never one with wrong ones.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_medssl.errors import BadInput
from napari_medssl.files import write_text
from napari_medssl.nodules.annotations import ANNOTATIONS, SCANS
from napari_medssl.nodules.findings_file import SCAN, read_findings, read_scan_names, write_findings
from napari_medssl.nodules.reading import Finding
from napari_medssl.volumes import Volume, read_volume, write_volume
from napari_medssl.volumes.formats import plain_name

IMAGES = "images"
_TABLES = (ANNOTATIONS, SCANS)


@dataclass(frozen=True)
class Added:
    """What became of it.

    Attributes
    ----------
    name : the scan's seriesuid
    nodules : how many of it are annotated now
    scans : how many annotated scans the folder has now
    unlabelled : how many images it has that nobody has annotated
    replaced : whether the scan was annotated there before
    """

    name: str
    nodules: int
    scans: int
    unlabelled: int
    replaced: bool


def add_to_training(
    folder: Path, volume: Volume, findings: Sequence[Finding], *, least: float = 0.0, name: str = ""
) -> Added:  # fmt: skip
    """Add a scan with its reading to a training folder; a reading of the same scan is replaced.

    Parameters
    ----------
    folder : a new, an empty or an existing training folder
    findings : all of the scan's
    least : findings of the detector with a smaller score do not have to be read
    name : the scan's seriesuid; the volume's name where it is empty

    Raises
    ------
    BadInput
        Something is not read or not measured yet, the folder has other things in it, or cannot be written to.
    """
    _complete(findings, least)
    uid = series_name(name or volume.name)
    tables = folder / ANNOTATIONS, folder / SCANS
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / n).exists() for n in (IMAGES, *_TABLES)):
        raise BadInput(f"{folder} holds other things; choose an empty folder, or one with training scans in it.")
    annotated = read_findings(tables[0], "annotations") if tables[0].is_file() else {}
    names = read_scan_names(tables[1]) if tables[1].is_file() else list(annotated)
    try:
        (folder / IMAGES).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"{folder} cannot be made: {error}.") from error
    replaced = uid in names
    _put_image(folder / IMAGES, volume, uid)
    accepted = [one.nodule for one in findings if one.state == "accepted"]
    annotated.pop(uid, None)
    if accepted:
        annotated[uid] = accepted
    write_findings(tables[0], annotated, probability=False)
    names = [*names, *([] if replaced else [uid])]
    write_text(tables[1], "\n".join([SCAN, *names]) + "\n")
    images = {plain_name(path.name) for path in (folder / IMAGES).iterdir() if not path.name.startswith(".")}
    return Added(uid, len(accepted), len(names), len(images - set(names)), replaced)


def series_name(name: str) -> str:
    """A name that can be a file's, without its extension."""
    plain = plain_name(re.sub(r"[^\w.\-]+", "_", name)).strip("._")
    return plain or "scan"


def _complete(findings: Sequence[Finding], least: float) -> None:
    unread = sum(one.state == "unread" and (one.score >= least or one.origin != "model") for one in findings)
    if unread:
        raise BadInput(
            f"Accept or reject the {unread} finding{'s' * (unread > 1)} left to read first: a place that is not "
            "accepted is learnt as no nodule."
        )
    unmeasured = [one.number for one in findings if one.state == "accepted" and math.isnan(one.diameter)]
    if unmeasured:
        raise BadInput(f"Give No. {unmeasured[0]} a diameter first; training needs one of every accepted nodule.")


def _put_image(images: Path, volume: Volume, uid: str) -> None:
    """Write the scan, unless it is there; another scan by this name is refused."""
    same = [path for path in images.iterdir() if plain_name(path.name) == uid and path.suffix != ".raw"]
    if not same:
        return write_volume(images / f"{uid}.nii.gz", volume.array, volume.geometry)
    there = read_volume(same[0])
    # NIfTI keeps its geometry in single precision
    if there.shape != volume.shape or not there.geometry.same_grid(volume.geometry, 1e-2):
        raise BadInput(f"{same[0]} is another scan by the same name; rename the layer of this one, then add it again.")
    return None
