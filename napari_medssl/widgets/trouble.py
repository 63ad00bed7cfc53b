"""What went wrong, told in napari's own way and given back as a sentence for the widget."""

from __future__ import annotations

from napari_medssl.errors import BadInput


def tell_trouble(error: BaseException) -> str:
    """Show an error: a plain sentence where it is one, else napari's notification, whose button shows the traceback."""
    if isinstance(error, BadInput):
        from napari.utils.notifications import show_warning

        show_warning(str(error))
        return str(error)
    from napari.utils.notifications import notification_manager

    notification_manager.receive_error(type(error), error, error.__traceback__)
    return f"Something went wrong ({type(error).__name__}); nothing is lost. The notification below says more."
