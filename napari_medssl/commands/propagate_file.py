"""One scan of ``napari-medssl propagate``: check the output, compute with a line of progress."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING

from napari_medssl.commands.checks import check_file_output, check_label_output
from napari_medssl.commands.output import Progress

if TYPE_CHECKING:
    from napari_medssl.propagation.scan_job import Job, Report, Settings


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings among the parsed options."""
    from napari_medssl.propagation.scan_job import Settings

    return Settings(**{field.name: getattr(args, field.name) for field in fields(Settings)})


def propagate_file(job: Job, settings: Settings, cancelled: Callable[[], bool]) -> Report:
    """Propagate the seeds of one scan, and write the mask; what was done before a cancellation is written too.

    Raises
    ------
    BadInput
        Anything about the files or the settings that cannot be used; nothing has been written then.
    """
    from napari_medssl.propagation.series_job import run_job
    from napari_medssl.volumes.dicom_seg import check_dicom_output, is_dicom_name

    if is_dicom_name(job.output):
        check_file_output(job.output)
        check_dicom_output(job.output, job.image)
    else:
        check_label_output(job.output, (job.image, job.seeds))
    progress = Progress("Step" if settings.frames else "Slice")
    try:
        return run_job(job, settings, cancelled, on_step=progress.update)
    finally:
        progress.close()
