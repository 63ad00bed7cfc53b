"""``napari-medssl doctor``: says what is there and what is wrong, survives crashes of drivers, and names nobody."""

from __future__ import annotations

import getpass
import platform
import sys
from pathlib import Path
from typing import Any

import numpy
import pytest
import torch

from napari_medssl.diagnostics import as_markdown, diagnosis, models, probes, redaction
from napari_medssl.models import model_folders
from tests.commands.conftest import Call


@pytest.fixture(scope="module")
def devices() -> dict[str, Any]:
    return probes.probe_devices()


@pytest.fixture(autouse=True)
def one_probe(devices: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask torch once for the whole file."""
    monkeypatch.setattr(diagnosis, "probe_devices", lambda: devices)


def test_json_has_what_a_report_needs(call: Call) -> None:
    outcome = call("doctor", "--json")
    found = outcome.json
    assert (outcome.status, outcome.err) == (0, "")
    assert found["versions"]["numpy"] == numpy.__version__
    assert found["versions"]["torch"] == torch.__version__
    assert found["versions"]["Python"] == platform.python_version()
    assert found["devices"]["cpu"]["works"] is True
    assert found["devices"]["mps"]["works"] is torch.backends.mps.is_available()
    assert found["models"]["found"]["default"] == "its weights match its card"
    assert set(found) == {"problems", "versions", "machine", "devices", "opengl", "models"}


def test_markdown_has_a_table_for_each_part(call: Call) -> None:
    text = call("doctor").out
    for title in ("Versions", "Machine", "Devices", "OpenGL", "Models"):
        assert f"\n#### {title}\n\n| | |\n|---|---|\n| " in text
    assert f"| numpy | {numpy.__version__} |" in text
    assert all(line.count("|") - line.count("\\|") == 3 for line in text.splitlines() if line.startswith("|"))


def test_a_cell_cannot_break_the_table() -> None:
    empty = {"problems": [], "machine": {}, "devices": {}, "opengl": {"renderer": "a|b\nc"}, "models": {}}
    assert "| renderer | a\\|b c |" in as_markdown({**empty, "versions": {}})


def test_no_names_of_people_or_machines(call: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home = tmp_path / "home" / "jane.doe"
    shared = tmp_path / "shared" / "jane.doe" / "models"
    shared.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(shared))
    monkeypatch.setattr(getpass, "getuser", lambda: "jane.doe")
    monkeypatch.setattr(platform, "node", lambda: "ward-7.hospital.example")
    for words in (("doctor",), ("doctor", "--json")):
        text = call(*words).out
        assert "jane" not in text
        assert "<user>" in text
        assert "hospital" not in text


def test_redaction(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("/home/ann"))
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    monkeypatch.setattr(platform, "node", lambda: "box.example.org")
    cases = {
        "/home/ann": "~",
        "/home/ann/models": "~/models",
        "/home/anna/models": "/home/anna/models",
        "/data/ann/models": "/data/<user>/models",
        "C:\\Users\\ann": "C:\\Users\\<user>",
        "channel annotation": "channel annotation",
        "box.example.org:0": "<host>:0",
        "on box": "on <host>",
        "toolbox": "toolbox",
    }
    for given, wanted in cases.items():
        assert redaction.redact(given) == wanted
    assert redaction.redact({"a": ["/home/ann", 3, None]}) == {"a": ["~", 3, None]}


def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise OSError("no such user id")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert redaction.redact("/data/x") == "/data/x"


def ask(monkeypatch: pytest.MonkeyPatch, code: str, **more: Any) -> dict[str, Any]:
    """Run `code` in place of a probe's module."""
    real = probes.subprocess.run

    def run(command: list[str], **options: Any) -> Any:
        assert command[-2:] == ["-m", "some.probe"]
        return real([sys.executable, "-c", code], **options)

    monkeypatch.setattr(probes.subprocess, "run", run)
    return probes._ask("some.probe", **more)


def test_a_probe_that_crashes_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "signal 6" in ask(monkeypatch, "import os; os.abort()")["error"]


def test_a_probe_that_fails_tells_why(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = ask(monkeypatch, "raise SystemExit('libGL.so.1 is missing')")["error"]
    assert "status 1" in answer
    assert "libGL.so.1 is missing" in answer


def test_a_probe_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "no answer within 1 s" in ask(monkeypatch, "import time; time.sleep(60)", seconds=1)["error"]


def test_noise_before_the_answer_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ask(monkeypatch, "print('hello'); print('{\"a\": 1}'); print('bye')") == {"a": 1}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems always have a screen")
def test_no_screen_is_said_plainly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert "no screen" in probes.probe_gl()["error"]
    assert probes.probe_display()["screen"] is False


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="DISPLAY means nothing elsewhere")
def test_a_display_that_is_not_there_does_not_take_the_doctor_down(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", ":4321")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    outcome = call("doctor", "--json")
    assert outcome.status == 0
    assert "error" in outcome.json["opengl"]
    assert any("OpenGL does not work" in sentence for sentence in outcome.json["problems"])


def test_models_that_are_damaged_missing_or_no_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    shipped = model_folders()[-1]
    for name in ("good", "damaged", "without"):
        card = (shipped / "default.json").read_text(encoding="utf-8")
        card = card.replace('"name": "default"', f'"name": "{name}"', 1)
        (tmp_path / f"{name}.json").write_text(card, encoding="utf-8")
        (tmp_path / f"{name}.safetensors").write_bytes((shipped / "default.safetensors").read_bytes())
    content = bytearray((tmp_path / "damaged.safetensors").read_bytes())
    content[-1] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(bytes(content))
    (tmp_path / "without.safetensors").unlink()
    (tmp_path / "poem.json").write_text("roses are red")
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(tmp_path))
    described = models.describe_models()
    assert described["found"]["good"] == "its weights match its card"
    assert "sha256" in described["found"]["damaged"]
    assert "missing" in described["found"]["without"]
    assert "poem.json" in described["found"]["poem"]
    assert len(described["problems"]) == 3


def test_missing_packages_and_bindings_are_problems(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    real = diagnosis._version
    gone = {"SimpleITK", *diagnosis.QT_BINDINGS}
    monkeypatch.setattr(diagnosis, "_version", lambda name: None if name in gone else real(name))
    problems = " ".join(call("doctor", "--json").json["problems"])
    assert "No Qt binding" in problems
    assert "SimpleITK" in problems
