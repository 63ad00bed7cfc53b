"""The whole loop in a real viewer, on real scans: propagate, train on unlabelled ones, use the model, propagate again.

    MEDSSL_DATA=... xvfb-run -a -s "-screen 0 1280x800x24" python tests/benchmarks/train_in_napari.py [--cases 5]

Every step is a click in the widgets Propagate a slice and Train a model. The scans trained on are `acdc`'s without
their labels and without the patients that are scored. Dice over the whole volume from one drawn slice, each label by
itself.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))
from labelled_cases import LabelledCase, data_folder, draw_seed_slice, load_collection
from make_training_pictures import TrainingPhotographer

from napari_medssl.metrics import dice

COLLECTION = "acdc"


class Person(TrainingPhotographer):
    """Works with both widgets by clicks."""

    patience_s = 3 * 3600.0

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, "dark")
        _, self.propagate = self.viewer.window.add_plugin_dock_widget("napari-medssl", "Propagate a slice")

    def propagated(self, case: LabelledCase, label: int) -> float:
        """Draw one label on one slice, click Propagate; Dice in percent of the Labels layer that comes out."""
        folder = data_folder() / COLLECTION
        self.viewer.layers.clear()
        self.viewer.open(folder / "images" / f"{case.name}.nii.gz", plugin="napari-medssl")
        (truth,) = self.viewer.open(
            folder / "labels" / f"{case.name}.nii.gz", plugin="napari-medssl", layer_type="labels"
        )
        mask = np.asarray(truth.data) == label
        self.viewer.layers.remove(truth)
        self.click(self.propagate.form.new_labels)
        layer = self.propagate.form.labels.layer
        index = draw_seed_slice(mask, np.random.default_rng([0, label]))
        layer.data_setitem(tuple(np.where(np.isin(np.arange(len(mask)), index)[:, None, None] & mask)), 1)
        self.wait(lambda: self.propagate.form.propagate.isEnabled())
        self.click(self.propagate.form.propagate)
        self.wait(lambda: not self.propagate.runs.running)
        return 100 * float(dice(np.asarray(layer.data) == 1, mask))

    def scores(self, cases: list[LabelledCase]) -> np.ndarray:
        """Mean over the labels, for each case."""
        return np.array([np.mean([self.propagated(case, label) for label in case.wanted]) for case in cases])

    def train(self, scans: Path, steps: int) -> Any:
        """Choose folder and preset, click Start, wait, click Use this model; how the run stood at its end."""
        form = self.form
        self.use(scans)
        self.click(form.plan.buttons["Laptop CPU"])
        self.set(seconds=0, steps=steps)
        self.click(form.start)
        self.until("running", "finished", "failed")
        self.until("finished", "failed")
        run = self.widget.runs.info(self.widget.shown)
        if run.state != "finished":
            raise SystemExit(run.sentence)
        self.click(form.watch.use)
        self.wait(lambda: self.propagate.form.options.model.currentData() == run.name)
        return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=5)
    parser.add_argument("--steps", type=int, default=1500)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as private:
        os.environ["NAPARI_CONFIG"] = str(Path(private) / "settings.yaml")
        os.environ["NAPARI_MEDSSL_RUNS"] = str(Path(private) / "runs")
        os.environ["NAPARI_MEDSSL_MODELS"] = str(Path(private) / "models")
        cases = list(load_collection(COLLECTION, options.cases))
        scans = gather(cases, Path(private) / "acdc without labels")
        person = Person(Path(private))
        before = person.scores(cases)
        print(f"default: {before.mean():.1f} ({', '.join(f'{score:.1f}' for score in before)})", flush=True)
        run = person.train(scans, options.steps)
        after = person.scores(cases)
        print(f"{run.name}, {run.step} steps in {run.seconds / 60:.0f} min on {len(list((scans / 'images').iterdir()))}"
              f" unlabelled scans: {after.mean():.1f} ({', '.join(f'{score:.1f}' for score in after)})")  # fmt: skip
        person.viewer.close()


def gather(cases: list[LabelledCase], folder: Path) -> Path:
    """A data folder of the scans of all other patients."""
    from napari_medssl.training.data import Case

    tested = {Case(Path(f"{case.name}.nii.gz")).patient for case in cases}
    (folder / "images").mkdir(parents=True)
    for path in sorted((data_folder() / COLLECTION / "images").glob("*.nii.gz")):
        if Case(path).patient not in tested:
            (folder / "images" / path.name).symlink_to(path.resolve())
    return folder


if __name__ == "__main__":
    main()
