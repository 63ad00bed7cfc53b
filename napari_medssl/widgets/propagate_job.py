"""From the layers and options that a person chose to a job that can run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_medssl.errors import BadInput
from napari_medssl.propagation.hints import hints_for
from napari_medssl.propagation.session import Session
from napari_medssl.propagation.writer import Writer
from napari_medssl.widgets import brush_history
from napari_medssl.widgets import propagate_texts as texts
from napari_medssl.widgets.hand_strokes import HandStrokes, strokes_on
from napari_medssl.widgets.hint_points import take_in
from napari_medssl.widgets.layers import check_image_layer, check_labels_layer, spacing_of
from napari_medssl.widgets.planes import NAMES, shown_axis, shown_frame
from napari_medssl.widgets.propagate_texts import Situation
from napari_medssl.widgets.propagate_worker import Job
from napari_medssl.widgets.structures_of import structures_of

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from napari.viewer import ViewerModel

    from napari_medssl.propagation.structures import Structures
    from napari_medssl.widgets.propagate_options import PropagateOptions

NEIGHBOURS = 2  # slices on each side of one that was looked at show much the same


@dataclass(frozen=True)
class Work:
    """The layers that are worked on, checked: a scan and labels in memory that lie on it."""

    viewer: ViewerModel
    image: Image
    labels: Labels
    tracker: HandStrokes

    @classmethod
    def on(cls, viewer: ViewerModel, image: Image, labels: Labels) -> Work:
        """Check the layers.

        Raises
        ------
        BadInput
            They cannot be worked on.
        """
        check_image_layer(image, frame=0)
        check_labels_layer(labels, image)
        if not isinstance(labels.data, np.ndarray) or not labels.data.flags.writeable:
            raise BadInput(f"{labels.name} cannot be written to; click New labels to draw in a layer that can.")
        return cls(viewer, image, labels, strokes_on(labels, viewer))

    @classmethod
    def chosen(cls, viewer: ViewerModel, scan: Image | None, labels: Labels | None) -> Work:
        """Check what is chosen, which may be nothing.

        Raises
        ------
        BadInput
            There is no scan or no labels layer, or they cannot be worked on.
        """
        if scan is None:
            raise BadInput(texts.OPEN)
        if labels is None:
            raise BadInput(texts.MAKE_LABELS)
        return cls.on(viewer, scan, labels)

    @property
    def session(self) -> Session:
        return self.tracker.sync()

    @property
    def structures(self) -> Structures:
        return structures_of(self.labels, self.session)

    def axis(self, options: PropagateOptions) -> int:
        """The axis that counts the slices: as chosen, as drawn, or as shown."""
        chosen = options.plane.currentData()
        if chosen is None:
            chosen = self.session.plane(self.labels.data)
        if chosen is None:
            chosen = shown_axis(self.viewer, self.labels)
        return int(chosen or 0)

    def drawn(self, options: PropagateOptions, only: Collection[int] | None = None) -> dict[int, list[int]]:
        """{label: slices drawn by hand} of the labels to propagate, or of `only` these; never of locked ones."""
        drawn = self.session.drawn(self.axis(options), self.labels.data)
        if only is None and options.which.currentData() == "selected":
            only = [int(self.labels.selected_label)]
        locked = self.structures.locked
        return {
            label: slices for label, slices in drawn.items() if label not in locked and (only is None or label in only)
        }

    def situation(self, options: PropagateOptions, visited: Sequence[int]) -> Situation:
        """What there is to say about these layers; brings the options in line with them."""
        take_in(self)
        session, axis = self.session, self.axis(options)
        options.set_drawn_plane(session.plane(self.labels.data))
        options.set_count(self.labels.data.shape[axis])
        return Situation(
            has_scan=True,
            has_labels=True,
            names=self.structures.names,
            axis=axis,
            drawn=self.drawn(options),
            stops=session.stops(axis, self.labels.data),
            other_planes=session.other_planes(axis),
            hints=len(session.hints),
            run=session.last_run,
            drawn_since=session.drawn_since,
            only_accepted=session.only_accepted_since,
            check=self.next_to_check(axis, visited),
            checked=bool(visited),
            frames=self.image.data.shape[0] if self.image.ndim == 4 else 1,
        )

    def next_to_check(self, axis: int, visited: Sequence[int]) -> int | None:
        """The slice of the last propagation whose correction would help most, not beside one already looked at."""
        run = self.session.last_run
        if run is None or run.axis != axis:
            return None
        seen = {index + step for index in visited for step in range(-NEIGHBOURS, NEIGHBOURS + 1)}
        right = {label: list(run.confidence.get(label, ())) for label in self.structures.locked}
        return run.worth_checking({**self.session.drawn(axis, self.labels.data), **right}, seen)

    def start(
        self,
        options: PropagateOptions,
        only: Collection[int] | None = None,
        copied: Callable[[NDArray[Any]], NDArray[Any]] = np.copy,
    ) -> tuple[Job, Writer]:
        """Begin a run of the session, of the labels that the options say or of `only` these; `copied` copies arrays.

        Raises
        ------
        BadInput
            Nothing is drawn, or a line is being drawn at this moment.
        """
        if brush_history.drawing(self.labels):
            raise BadInput("The line that you are drawing is not closed; go back to where it began, or press Esc.")
        slice_range = options.slice_range()
        self.session.look_again()
        take_in(self)
        axis, seeds = self.axis(options), self.drawn(options, only)
        if not seeds:
            raise BadInput(self._nothing_drawn(axis, options))
        run = self.session.start(axis, seeds)
        before = copied(self.labels.data)
        kept = self.session.kept_voxels(axis, before.shape)
        job = Job(
            image=check_image_layer(self.image, frame=shown_frame(self.viewer, self.image)),
            before=before,
            spacing=spacing_of(self.image),
            run=run,
            slice_range=slice_range,
            model=str(options.model.currentData() or "default"),
            verification=str(options.verification.currentData()),
            device=str(options.device.currentData()),
            hints=partial(hints_for, run.labels, self.session.hints, kept, before),
        )
        return job, Writer(self.labels.data, before, run, self._drawn_now(axis), kept)

    def _drawn_now(self, axis: int) -> Callable[[int], set[int]]:
        """Answers which labels are not to be changed on a slice: those drawn there since now, and locked ones."""
        earlier = set(self.session.strokes)

        def drawn_now(index: int) -> set[int]:
            new = [stroke for stroke in self.session.strokes if stroke not in earlier and stroke.axis in (axis, None)]
            drawn = {label for stroke in new for label, slices in stroke.slices[axis].items() if index in slices}
            return drawn | self.structures.locked

        return drawn_now

    def _nothing_drawn(self, axis: int, options: PropagateOptions) -> str:
        structures, selected = self.structures, int(self.labels.selected_label)
        if structures.locked & set(self.session.drawn(axis, self.labels.data)):
            return "All that is drawn is locked, and stays as it is; unlock one, or draw another structure."
        if options.which.currentData() == "selected":
            called = _capital(structures.called(selected))
            return f"{called} is not drawn on any {NAMES[axis]} slice; draw it on one first."
        return f"Nothing is drawn on {NAMES[axis]} slices; draw the structure on one first."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
