"""napari's undo stack of a Labels layer, with whole propagations standing on it among the brush strokes.

One row of steps, one meaning of undo: a propagation is one step, before or after the strokes around it. Going back to
before it takes the later strokes back too, to the voxel; going forward again brings everything back. This is the only
module that touches the stacks, which napari keeps to itself. If a later napari hides them, `has_history` says so, and
the session's own record is used instead.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from napari_medssl.propagation.history import Block
from napari_medssl.propagation.marks import Mark

if TYPE_CHECKING:
    from napari.layers import Labels

Step = list[Any]


def has_history(layer: Labels) -> bool:
    """Whether the layer's undo and redo stacks can be reached."""
    return all(hasattr(getattr(layer, name, None), "append") for name in ("_undo_history", "_redo_history"))


def past(layer: Labels) -> list[Step]:
    """Steps that undo would take back, oldest first."""
    return list(layer._undo_history) if has_history(layer) else []


def future(layer: Labels) -> list[Step]:
    """Steps that redo would bring back, the next one last."""
    return list(layer._redo_history) if has_history(layer) else []


def runs_in(steps: Iterable[Step]) -> set[int]:
    """Numbers of the propagations among some steps."""
    return {change.run for step in steps for change in step if isinstance(change, Block)}


def drawing(layer: Labels) -> bool:
    """Whether a brush stroke has begun and not ended."""
    return bool(getattr(layer, "_staged_history", ()))


def record(layer: Labels, block: Block) -> None:
    """Note a change that has just been made to the layer's array, in the step of its run.

    The step stays where it began, even if strokes follow it: a propagation never changes voxels that were drawn on
    while it ran, so the order among them makes no difference. As after any edit, nothing is left to redo.
    """
    if not has_history(layer):
        return
    layer._redo_history.clear()
    for step in layer._undo_history:
        if step and isinstance(step[0], Block) and step[0].run == block.run:
            step.append(block)
            return
    layer._undo_history.append([block])


def make(layer: Labels, mark: Mark) -> None:
    """Change the layer's array as a mark says, as one step by hand."""
    where, _, after = mark
    layer.data[where] = after
    if has_history(layer):
        layer._redo_history.clear()
        layer._undo_history.append([mark])
    layer.events.paint(value=[mark])
    layer.refresh()


def undo_run(layer: Labels, number: int) -> int | None:
    """Go back to before a propagation; returns how many later steps went with it, or None where it is out of reach."""
    return _walk(layer, number, past, layer.undo)


def redo_run(layer: Labels, number: int, also: int = 0) -> int | None:
    """Go forward to after a propagation, and by `also` further steps; None where it is out of reach."""
    steps = _walk(layer, number, future, layer.redo)
    if steps is not None:
        with layer._block_refresh():
            for _ in range(min(also, len(future(layer)))):
                layer.redo()
        layer.refresh()
    return steps


def _walk(layer: Labels, number: int, stack: Any, step: Any) -> int | None:
    if number not in runs_in(stack(layer)):
        return None
    others = 0
    with layer._block_refresh():  # one redraw for the whole way
        while number in runs_in(stack(layer)):
            others += number not in runs_in(stack(layer)[-1:])
            step()
    layer.refresh()
    return others
