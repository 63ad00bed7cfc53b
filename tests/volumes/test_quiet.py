"""Silence while ITK reads, and none before or after."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import SimpleITK

from napari_medssl.volumes.quiet import quiet_itk


def test_only_the_block_is_silent(capfd):
    shown = SimpleITK.ProcessObject.GetGlobalWarningDisplay()
    os.write(2, b"before ")
    with quiet_itk(), quiet_itk():
        os.write(2, b"inside ")
    os.write(2, b"after")
    assert capfd.readouterr().err == "before after"
    assert SimpleITK.ProcessObject.GetGlobalWarningDisplay() == shown


def test_the_error_stream_comes_back_after_an_error_and_from_threads(capfd):
    def work() -> None:
        for _ in range(50):
            try:
                with quiet_itk():
                    raise ValueError
            except ValueError:
                pass

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    open_files = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    work()
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
    if open_files:
        assert len(os.listdir("/proc/self/fd")) == open_files


def test_a_program_without_an_error_stream():
    code = "import os; os.close(2)\nfrom napari_medssl.volumes.quiet import quiet_itk\nwith quiet_itk(): print('read')"
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    assert done.stdout == "read\n"
