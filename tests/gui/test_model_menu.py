"""The menus of models, choosing a new model from elsewhere, and the widget of the shelf."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QMessageBox

from napari_medssl.errors import BadInput
from napari_medssl.models import Card, add_model, export_model, find_card, in_words, remove_model, save_model
from napari_medssl.models.shelf import SHIPPED
from napari_medssl.widgets import preferences, shelf_watch, use_model
from napari_medssl.widgets.model_menu import ModelMenu
from napari_medssl.widgets.models_widget import ModelsWidget
from napari_medssl.widgets.propagate import PropagateWidget

FIELDS: dict[str, Any] = {
    "name": "mine", "title": "Mine", "purpose": "propagation", "summary": "A test.", "trained_on": "nothing",
    "recipe": "none",
}  # fmt: skip


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the person's own models, empty."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    monkeypatch.setenv("NAPARI_MEDSSL_MODELS", str(folder))
    monkeypatch.setenv("NAPARI_MEDSSL_EXTRA_MODELS", "")
    return folder


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the person is told."""
    sentences: list[str] = []
    monkeypatch.setattr(shelf_watch, "_told", set())
    monkeypatch.setattr(shelf_watch, "tell", sentences.append)
    monkeypatch.setattr(shelf_watch, "tell_error", sentences.append)
    monkeypatch.setattr("napari_medssl.widgets.model_menu.tell", sentences.append)
    return sentences


def make(folder: Path, value: float = 1.0, **fields: Any) -> Path:
    """A small model in a folder; the path of its card."""
    card = save_model(folder, {"weight": torch.full((2,), value)}, **(FIELDS | fields))
    return folder / f"{card.name}.json"


def texts(menu: ModelMenu) -> list[str]:
    return [menu.itemText(place) for place in range(menu.count())]


@pytest.fixture
def menu(shelf: Path, qtbot: Any) -> ModelMenu:
    made = ModelMenu("propagation")
    qtbot.addWidget(made)
    return made


def test_models_for_the_purpose_with_their_cards(shelf: Path, qtbot: Any, told: list[str]) -> None:
    make(shelf, created="2026-01-01")
    make(shelf, name="newer", title="Newer <b>one</b>", created="2026-02-01")
    make(shelf, name="organs", title="Organs", purpose="segmentation")
    menu = ModelMenu("propagation", "A hint.")
    qtbot.addWidget(menu)
    assert texts(menu) == [
        "Default (CT and MR)", "Newer <b>one</b> (yours)", "Mine (yours)", "Sli2Vol as published",
    ]  # fmt: skip
    assert menu.name == "default"
    assert find_card("default").trained_on[:60] in menu.toolTip()
    tip = menu.itemData(1, Qt.ItemDataRole.ToolTipRole)
    assert "<b>" not in tip
    assert tip.count("<br>") == in_words(find_card("newer")).count("\n")
    assert told == []


def test_it_follows_the_shelf_and_keeps_the_choice(shelf: Path, menu: ModelMenu, qtbot: Any, told: list[str]) -> None:
    make(shelf)
    qtbot.waitUntil(lambda: "Mine (yours)" in texts(menu), timeout=5000)
    assert menu.name == "default"
    with qtbot.waitSignal(menu.chosen, timeout=1000):
        assert menu.choose("mine")
    with qtbot.assertNotEmitted(menu.chosen):
        thread = threading.Thread(target=make, args=(shelf,), kwargs={"name": "second"})
        thread.start()
        thread.join()
        qtbot.waitUntil(lambda: menu.count() == 4, timeout=5000)
        assert not menu.choose("nope")
    assert menu.name == "mine"
    assert texts(menu)[1:3] == ["Mine, mine (yours)", "Mine, second (yours)"]
    assert told == []
    with qtbot.waitSignal(menu.chosen, timeout=5000):
        remove_model("mine")
    assert menu.name == "default"
    assert told == ["Model mine is not on the shelf any more; Default (CT and MR) is chosen instead."]


def test_what_another_process_put_there_is_seen_when_the_menu_opens(shelf: Path, menu: ModelMenu, qtbot: Any) -> None:
    make(shelf.parent / "elsewhere")
    for file in (shelf.parent / "elsewhere").iterdir():
        file.rename(shelf / file.name)
    menu.show()
    menu.showPopup()
    assert "Mine (yours)" in texts(menu)
    make(shelf, name="late")  # nothing changes under the person's hand
    qtbot.wait(2 * shelf_watch.LOOK_MS)
    assert menu.count() == 3
    menu.hidePopup()
    qtbot.waitUntil(lambda: menu.count() == 4, timeout=5000)


def test_models_that_cannot_be_used_are_left_out_with_one_notice(shelf: Path, qtbot: Any, told: list[str]) -> None:
    make(shelf)
    make(shelf, name="organs", purpose="segmentation")
    for name in ("mine", "organs"):
        (shelf / f"{name}.safetensors").unlink()
    menus = [ModelMenu("propagation") for _ in range(2)]
    for menu in menus:
        qtbot.addWidget(menu)
        menu.refresh()
        assert texts(menu) == ["Default (CT and MR)", "Sli2Vol as published"]
    (sentence,) = told
    assert "mine" in sentence
    assert "missing" in sentence
    (shelf / "poem.json").write_text("roses are red")
    menus[0].refresh()
    assert "mine, poem" in told[1]


def test_the_folder_of_the_preferences(shelf: Path, menu: ModelMenu, monkeypatch: Any, told: list[str]) -> None:
    team = shelf.parent / "team"
    make(team, title="Ours")
    chosen = {"model_folder": str(team)}
    monkeypatch.setattr(preferences, "_setting", lambda name, default: chosen.get(name, default))
    assert menu.choose("mine")
    assert "Ours (model folder)" in texts(menu)
    assert find_card("mine").title == "Ours"  # where the worker and child processes look
    chosen.clear()
    menu.refresh()
    assert menu.name == "default"
    assert len(told) == 1


def test_the_propagate_widget_uses_what_is_chosen(
    shelf: Path, make_napari_viewer: Callable[..., Any], qtbot: Any, told: list[str]
) -> None:
    make(shelf)
    widget = PropagateWidget(make_napari_viewer())
    qtbot.addWidget(widget)
    with qtbot.waitSignal(widget.form.options.changed, timeout=1000):
        widget.form.options.model.choose("mine")
    assert widget.form.options.model.currentData() == "mine"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """The card of the model that a run has left."""
    return make(tmp_path / "run", title="mine")


def never(name: str) -> Any:
    raise AssertionError(f"asked about {name}")


def test_use_this_model_adds_it_opens_the_tool_and_chooses_it_there(
    shelf: Path, run: Path, make_napari_viewer: Callable[..., Any], told: list[str]
) -> None:
    viewer = make_napari_viewer()
    sentence = use_model.use_model(viewer, run, never)
    assert sentence == "mine is chosen in 'Propagate a slice', under Options."
    (menu,) = viewer.window._qt_window.findChildren(ModelMenu)
    assert menu.name == "mine"
    assert (shelf / "mine.safetensors").read_bytes() == run.with_suffix(".safetensors").read_bytes()
    menu.choose("default")
    assert use_model.use_model(viewer, run, never) == sentence  # the same again: nothing is asked, nothing is opened
    assert viewer.window._qt_window.findChildren(ModelMenu) == [menu]
    assert menu.name == "mine"
    assert [path.name for path in sorted(shelf.iterdir())] == ["mine.json", "mine.safetensors"]


def test_a_widget_that_is_open_already_is_used(
    shelf: Path, run: Path, make_napari_viewer: Callable[..., Any], qtbot: Any, told: list[str]
) -> None:
    viewer = make_napari_viewer()
    widget = PropagateWidget(viewer)
    viewer.window.add_dock_widget(widget, name="Propagate")
    use_model.use_model(viewer, run, never)
    assert viewer.window._qt_window.findChildren(ModelMenu) == [widget.form.options.model]
    assert widget.form.options.model.name == "mine"


@pytest.mark.parametrize("answer", ["replace", "both", "cancel"])
def test_another_model_of_the_name(shelf: Path, run: Path, answer: Any) -> None:
    make(shelf, 2.0)
    before = find_card("mine").sha256
    new = Card.model_validate_json(run.read_text()).sha256
    kept = use_model.put_on_shelf(run, lambda name: answer)
    assert (kept.name if kept else None) == {"replace": "mine", "both": "mine-2", "cancel": None}[answer]
    assert find_card("mine").sha256 == (new if answer == "replace" else before)
    assert (shelf / "removed" / "mine.json").exists() == (answer == "replace")


def test_a_shipped_model_s_name_is_never_taken(shelf: Path, tmp_path: Path) -> None:
    path = make(tmp_path / "run", name="default")
    kept = use_model.put_on_shelf(path, lambda name: "replace")
    assert kept is not None
    assert kept.name == "default-2"


@pytest.mark.parametrize(("text", "answer"), [("Replace", "replace"), ("Keep both", "both"), ("Cancel", "cancel")])
def test_the_question_about_a_name(shelf: Path, qtbot: Any, monkeypatch: Any, text: str, answer: str) -> None:
    make(shelf)

    def click(box: QMessageBox) -> int:
        (button,) = (button for button in box.buttons() if button.text().replace("&", "") == text)
        button.click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec", click)
    assert use_model.ask_about_name("mine") == answer


def test_models_without_a_tool_and_broken_ones(
    shelf: Path, tmp_path: Path, make_napari_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = make_napari_viewer()
    monkeypatch.delitem(use_model.TOOLS, "segmentation", raising=False)
    organs = make(tmp_path / "run", name="organs", title="Organs", purpose="segmentation")
    assert use_model.use_model(viewer, organs).startswith("Organs is on the shelf. No tool")
    broken = make(tmp_path / "run", name="broken")
    broken.with_suffix(".safetensors").write_bytes(b"x")
    with pytest.raises(BadInput, match="damaged"):
        use_model.use_model(viewer, broken)


@pytest.fixture
def widget(shelf: Path, make_napari_viewer: Callable[..., Any], qtbot: Any, told: list[str]) -> ModelsWidget:
    made = ModelsWidget(make_napari_viewer())
    qtbot.addWidget(made)
    return made


def test_the_widget_of_the_shelf(shelf: Path, widget: ModelsWidget, tmp_path: Path, qtbot: Any, run: Path) -> None:
    shipped = len(list(SHIPPED.glob("*.json")))
    assert widget.list.count() == shipped
    assert widget.entry is not None
    assert widget.entry.name == "default"
    assert find_card("default").summary in widget.card.toPlainText()
    assert not widget.remove.isEnabled()
    # export a shipped one, add it back: its name is taken, so it gets another one
    target = tmp_path / "given away"
    widget.ask_target = lambda parent, name: str(target)
    widget.export.click()
    assert target.with_suffix(".zip").is_file()
    widget.ask_file = lambda parent: str(run)
    widget.add.click()
    assert widget.entry.name == "mine"
    assert "mine is on the shelf" in widget.message.text()
    assert widget.remove.isEnabled()
    widget.use.click()
    assert "is chosen" in widget.message.text()
    (menu,) = widget.viewer.window._qt_window.findChildren(ModelMenu)
    assert menu.name == "mine"
    widget.remove.click()
    assert "to bring it back" in widget.message.text().lower()
    assert widget.list.count() == shipped
    widget.ask_file = lambda parent: str(shelf / "removed" / "mine.json")
    widget.add.click()
    assert widget.entry.name == "mine"


def test_the_widget_says_what_is_wrong(shelf: Path, widget: ModelsWidget, tmp_path: Path, qtbot: Any) -> None:
    make(shelf, name="bad", title="Bad <i>one</i>")
    (shelf / "bad.safetensors").unlink()
    widget.refresh()
    widget.select("bad")
    assert "Cannot be used." in widget.card.toPlainText()
    assert "Bad <i>one</i>" in widget.card.toPlainText()
    assert not widget.export.isEnabled()
    assert not widget.use.isEnabled()
    assert widget.remove.isEnabled()
    (tmp_path / "x.zip").write_bytes(b"nonsense")
    widget.ask_file = lambda parent: str(tmp_path / "x.zip")
    widget.add.click()
    assert "not a zip file" in widget.message.text()
    widget.ask_file = lambda parent: ""  # the person closed the dialog
    widget.add.click()


def test_the_widget_follows_the_shelf(shelf: Path, widget: ModelsWidget, tmp_path: Path, qtbot: Any, run: Path) -> None:
    widget.select("sli2vol-paper")
    before = widget.list.count()
    add_model(run)
    qtbot.waitUntil(lambda: widget.list.count() == before + 1, timeout=5000)
    assert widget.entry is not None
    assert widget.entry.name == "sli2vol-paper"
    path = export_model("mine", tmp_path / "mine.zip")
    make(shelf, 3.0)
    widget.ask_name = lambda name: "both"
    widget.ask_file = lambda parent: str(path)
    widget.add.click()
    assert widget.entry.name == "mine-2"
