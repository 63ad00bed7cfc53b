"""Print what OpenGL this machine offers, as JSON: ``python -m napari_medssl.widgets.gl_probe``.

It runs as a process of its own, since a broken driver or a missing display ends the process instead of raising.
"""

import json
import sys


def describe_gl() -> dict[str, str]:
    """Vendor, renderer and version of an OpenGL context made off screen.

    Raises
    ------
    RuntimeError
        Qt could not make a context.
    """
    from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

    application = QGuiApplication.instance() or QGuiApplication(sys.argv[:1])
    context = QOpenGLContext()
    if not context.create():
        raise RuntimeError(f"Qt's {application.platformName()} platform offers no OpenGL context")
    surface = QOffscreenSurface()
    surface.setFormat(context.format())
    surface.create()
    if not context.makeCurrent(surface):
        raise RuntimeError("the OpenGL context could not be made current")
    from OpenGL import GL

    names = {"vendor": GL.GL_VENDOR, "renderer": GL.GL_RENDERER, "version": GL.GL_VERSION}
    found = {key: GL.glGetString(name).decode("ascii", "replace") for key, name in names.items()}
    context.doneCurrent()
    return {**found, "platform": application.platformName()}


if __name__ == "__main__":
    try:
        print(json.dumps(describe_gl()))
    except Exception as error:
        print(json.dumps({"error": str(error)}))
