"""The parts of the Train widget that need no Qt: settings as fields, arithmetic of curves, what may start, words."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, model_validator

from napari_medssl.training.choices import Choices
from napari_medssl.widgets import train_texts as texts
from napari_medssl.widgets.curve_maths import log_ticks, number_text, smooth, thin, ticks, usable
from napari_medssl.widgets.settings_fields import duration_text, fields_of, parse_duration, wrong_values
from napari_medssl.widgets.train_scans import Problem
from napari_medssl.widgets.train_session import TrainSession
from tests.gui.training_kit import Info, twelve_scans, two_recipes


class Settings(BaseModel):
    """One setting of each kind."""

    steps: int = Field(10, ge=1, le=50, title="Steps", description="How many.", json_schema_extra={"basic": True})
    rate: float = Field(0.5, gt=0, lt=1)
    seconds: float = Field(600, ge=0, title="Time limit (s)")
    colour: Literal["red", "green"] = "red"
    sure: bool = False
    side: int = Field(32, ge=32, multiple_of=8)
    patch: tuple[int, int, int] = (4, 5, 6)
    most: Annotated[int | None, Field(title="At most")] = None

    @model_validator(mode="after")
    def _check(self) -> Settings:
        if self.colour == "green" and self.sure:
            raise ValueError("green is never sure")
        return self


FIELDS = {field.name: field for field in fields_of(Settings)}


def test_fields_say_what_a_form_needs() -> None:
    assert {name: field.kind for name, field in FIELDS.items()} == {
        "steps": "whole", "rate": "number", "seconds": "duration", "colour": "choice", "sure": "switch",
        "side": "whole", "patch": "value", "most": "value",
    }  # fmt: skip
    assert FIELDS["steps"].basic
    assert not FIELDS["rate"].basic
    assert (FIELDS["seconds"].title, FIELDS["rate"].title) == ("Time limit", "Rate")
    assert FIELDS["colour"].choices == ("red", "green")
    assert FIELDS["steps"].hint == "How many.\n1 to 50.\nUsually 10."
    assert FIELDS["rate"].bounds == "More than 0 to less than 1"
    assert FIELDS["side"].bounds == "32 or more, a multiple of 8"
    assert [field.name for field in fields_of(Settings, ["rate"])] == [name for name in FIELDS if name != "rate"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("steps", 7), ("rate", 0.25), ("rate", 1e-5), ("seconds", 5400.0), ("patch", [1, 2, 3]), ("most", None),
     ("most", 3)],
)  # fmt: skip
def test_a_value_survives_its_text(name: str, value: Any) -> None:
    assert FIELDS[name].from_text(FIELDS[name].to_text(value)) == value


@pytest.mark.parametrize(
    ("name", "typed", "sentence"),
    [
        ("steps", "0", "It must be 1 to 50."),
        ("steps", "1.5", "A whole number is wanted here."),
        ("steps", "", "A whole number is wanted here."),
        ("rate", "much", "A number is wanted here."),
        ("rate", "1", "It must be more than 0 to less than 1."),
        ("seconds", "long", "A time is wanted here, such as 45 s, 10 min or 1.5 h."),
        ("seconds", "-5", "A time is wanted here, such as 45 s, 10 min or 1.5 h."),
        ("side", "33", "It must be 32 or more, a multiple of 8."),
    ],
)
def test_what_is_wrong_is_said_of_the_field(name: str, typed: str, sentence: str) -> None:
    assert wrong_values(Settings, {name: FIELDS[name].from_text(typed)}) == {name: sentence}


def test_a_decimal_comma_is_understood() -> None:
    assert FIELDS["rate"].from_text("0,25") == 0.25


def test_what_concerns_several_settings_has_no_field() -> None:
    assert wrong_values(Settings, {"colour": "green", "sure": True}) == {"": "green is never sure."}
    assert wrong_values(Settings, {}) == {}


@given(st.integers(0, 10**6).map(lambda tenths: tenths / 10))
def test_a_duration_survives_its_text(seconds: float) -> None:
    assert parse_duration(duration_text(seconds)) == pytest.approx(seconds, rel=1e-5)


@pytest.mark.parametrize(
    ("typed", "seconds"),
    [("600", 600), ("10 min", 600), ("1 h 30 min", 5400), ("1:30", 90), ("1:00:00", 3600), ("2 hours", 7200),
     ("0,5 h", 1800), ("1 day", 86400), ("five", None), ("5 parsecs", None), ("", None), ("10 min x", None)],
)  # fmt: skip
def test_durations_as_people_write_them(typed: str, seconds: float | None) -> None:
    assert parse_duration(typed) == seconds


@given(st.integers(1, 400), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_smoothing_is_the_line_that_least_squares_fit(count: int, span: int, seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=count)
    smoothed = smooth(y, span)
    for at in {0, count // 3, count - 1}:
        first, last = max(0, at - span // 2), min(count, at + span // 2 + 1)
        x = np.arange(first, last)
        fit = np.polyval(np.polyfit(x, y[first:last], 1), at) if last - first > 1 else y[at]
        assert smoothed[at] == pytest.approx(fit, abs=1e-8)


@given(st.integers(5, 5000), st.integers(4, 200), st.integers(0, 2**32 - 1))
def test_thinning_keeps_ends_and_peaks(count: int, most: int, seed: int) -> None:
    x, y = np.arange(count, dtype=float), np.random.default_rng(seed).normal(size=count)
    thin_x, thin_y = thin(x, y, most)
    assert len(thin_x) <= max(most + 2, 4) or len(thin_x) == count <= most
    assert (thin_y.min(), thin_y.max(), thin_x[0], thin_x[-1]) == (y.min(), y.max(), 0, count - 1)
    assert (np.diff(thin_x) > 0).all()
    assert (y[thin_x.astype(int)] == thin_y).all()


@given(st.floats(-1e3, 1e3), st.floats(1e-6, 1e6), st.integers(2, 8))
def test_ticks_are_round_evenly_spaced_and_within(low: float, width: float, most: int) -> None:
    found = ticks(low, low + width, most)
    assert len(found) <= most + 1
    assert all(low - 1e-6 * width <= tick <= low + width * (1 + 1e-6) for tick in found)
    if len(found) > 1:
        step = found[1] - found[0]
        assert np.diff(found) == pytest.approx(step, rel=1e-3)
        assert round(step / 10 ** np.floor(np.log10(step * 1.001)), 3) in (1, 2, 5)


@given(st.floats(1e-8, 1e6), st.floats(1.05, 1e6))
def test_logarithmic_ticks_lie_within(low: float, times: float) -> None:
    found = log_ticks(low, low * times)
    assert 2 <= len(found) <= 7
    assert all(low * 0.99 <= tick <= low * times * 1.01 for tick in found)


def test_points_that_cannot_be_drawn_are_left_out() -> None:
    x, y = np.arange(5.0), np.array([1, np.nan, -1, np.inf, 0])
    assert usable(x, y, log=False)[0].tolist() == [0, 2, 4]
    assert usable(x, y, log=True)[0].tolist() == [0]


@pytest.mark.parametrize(
    ("value", "words"),
    [(0, "0"), (0.5, "0.5"), (1234.5, "1234"), (123456, "1.2e5"), (0.00012, "1.2e-4"), (float("nan"), "-")],
)
def test_numbers_for_people(value: float, words: str) -> None:
    assert number_text(value) == words


@pytest.fixture
def session(tmp_path: Path) -> TrainSession:
    made = TrainSession(tmp_path / "runs")
    made.recipes = two_recipes()
    made.devices = ["auto", "cpu"]
    return made


def test_what_stands_in_the_way_is_said_one_after_the_other(session: TrainSession, tmp_path: Path) -> None:
    assert session.obstacle() == ("busy", texts.LOOKING)
    session.choose_recipe("segmentation")
    assert session.obstacle() == ("next", texts.CHOOSE_FOLDER)
    session.choose_folder(tmp_path / "Heart MR (2026)")
    session.checking = True
    assert session.obstacle()[0] == "busy"
    session.checking = False
    session.finding = twelve_scans()
    assert "no scan here has any" in session.obstacle()[1]
    session.finding = twelve_scans(Problem("a", "It is cut short.", True), labelled=3)
    assert session.obstacle()[1].startswith("1 scan cannot be used")
    session.leave_out = True
    assert session.obstacle() == ("", "")
    assert session.settings() == {
        "seconds": 600, "batch": 6, "name": "heart-mr-2026", "leave_out_unusable": True
    }  # fmt: skip
    session.changes = {"device": "cuda"}
    assert session.obstacle() == ("trouble", "Device: this computer has no NVIDIA GPU that can be used.")
    session.changes = {"seconds": 0}
    assert session.obstacle()[1].startswith("Time limit: give the run an end")
    session.changes = {"steps": 5, "seconds": 0}
    assert session.obstacle() == ("", "")
    session.rename("Heart!")
    assert session.obstacle()[1].startswith("Model name: small letters")


def test_the_preferred_device_is_taken_where_the_preset_names_none(session: TrainSession) -> None:
    session.choose_recipe("sli2vol")
    session.preferred_device = "cpu"
    assert session.base()["device"] == session.settings()["device"] == "cpu"
    session.changes = {"device": "auto"}
    assert session.settings()["device"] == "auto"


def test_names_that_are_taken_are_not_suggested(session: TrainSession) -> None:
    session.taken = {"liver", "liver-2"}
    session.choose_recipe("sli2vol")
    session.choose_folder(Path("/scans/Liver"))
    assert session.name == "liver-3"
    session.rename("liver")
    assert session.obstacle()[1] == "Model name: there is a model of this name already; choose another."
    session.choose_folder(Path("/scans/Other"))
    assert session.name == "liver"  # the person's own word stays


def test_a_gpu_chooses_the_preset_for_it_until_the_person_does(session: TrainSession) -> None:
    session.choose_recipe("sli2vol")
    assert session.preset.title == "Laptop CPU"
    assert [preset.title for preset in session.presets()] == ["Quick check", "Laptop CPU", "One GPU"]
    session.devices = ["auto", "cpu", "cuda"]
    assert (session.preset.title, session.warning()) == ("One GPU", "")
    session.choose_preset("Quick check")
    assert session.preset.title == "Quick check"
    session.devices = ["auto", "cpu"]
    session.choose_preset("One GPU")
    assert "No graphics card" in session.warning()


def test_the_next_opening_begins_where_this_one_ended(session: TrainSession, tmp_path: Path) -> None:
    session.choose_recipe("segmentation")
    session.choose_folder(tmp_path / "a")
    session.choose_preset("Quick check")
    session.changes = {"batch": 3}
    session.started()
    assert session.name == "a-2"
    session.choices.write(session.home)
    again = TrainSession(session.home)
    again.recipes = two_recipes()
    remembered = {"segmentation": "Quick check"}, {"segmentation": {"batch": 3}}
    assert again.choices == Choices("segmentation", [str(tmp_path / "a")], *remembered)
    again.choose_recipe("segmentation")
    assert (again.preset.title, again.changes) == ("Quick check", {"batch": 3})


def test_moments_and_times_read_as_people_say_them() -> None:
    now = time.mktime((2026, 11, 21, 12, 40, 0, 0, 0, -1))
    assert texts.when(now - 3600, now) == "11:40"
    assert texts.when(now - 86400, now).startswith("20 ")
    assert texts.when(now - 400 * 86400, now).endswith("2025")
    lasted = {3: "3 s", 89: "89 s", 90: "2 min", 5300: "88 min", 5400: "1 h 30 min", 200_000: "2 days"}
    assert {seconds: texts.lasted(seconds) for seconds in lasted} == lasted
    left = {None: "", 4: "a few seconds left", 44: "about 40 s left", 600: "about 10 min left"}
    assert {seconds: texts.time_left(seconds) for seconds in left} == left


@pytest.mark.parametrize("state", [*texts.STATES])
def test_every_state_has_a_sentence(state: str, tmp_path: Path) -> None:
    kind, sentence = texts.hint_for_run(Info(tmp_path, state=state, resumable=state in ("stopped", "failed", "lost")))
    assert sentence.endswith(".")
    assert kind in ("next", "busy", "done", "trouble")
    assert ("Resume" in sentence) == (state in ("stopped", "failed", "lost"))
