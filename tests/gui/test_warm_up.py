import subprocess
import sys


def test_what_the_first_click_needs_is_loaded_in_the_background() -> None:
    script = (
        "import sys; from napari_medssl.widgets.warm_up import warm_up; thread = warm_up(); thread.join(60);"
        "import napari_medssl.propagation.load as load; found = [name in sys.modules for name in ('torch', 'pandas')];"
        "print(found, len(load._loaded._kept))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[True, True] 1"
