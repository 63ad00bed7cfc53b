# From a bare clone: `make demo` shows the main job, `make test` runs everything that must hold. `make help` lists the rest.
SHELL := bash
VENV ?= .venv
PYTHON ?=
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Somebody is looking: a screen, and not a machine that only tests.
WATCHED := $(if $(CI),,$(or $(filter Darwin,$(shell uname)),$(DISPLAY),$(WAYLAND_DISPLAY)))

.NOTPARALLEL:
.PHONY: help setup demo test lint types manifest wheel-test pytest bench bench-propagation bench-training bench-tubes bench-nodules clean

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

setup: $(READY) ## virtual environment with everything in it

$(READY): pyproject.toml .ci/prepare
	.ci/prepare $(VENV) $(PYTHON)
	@touch $@

demo: $(READY) ## the main job on the packaged sample, in napari (without a screen: mask and screenshot in demo-output/)
	.ci/with-screen $(BIN)/napari-medssl demo $(if $(WATCHED),,--headless demo-output)

# pytest comes last, so that its closing line is the last one.
test: lint types manifest wheel-test pytest ## everything that must hold

lint: $(READY) ## ruff
	$(BIN)/ruff check .

types: $(READY) ## mypy on everything but the widgets
	$(BIN)/mypy napari_medssl

manifest: $(READY) ## what napari is told about the plugin
	$(BIN)/npe2 validate napari_medssl

wheel-test: $(READY) ## build the wheel and use it from an empty environment
	.ci/wheel-test $(BIN)/python

pytest: $(READY) ## the test suite
	OMP_NUM_THREADS=1 .ci/with-screen $(BIN)/python -m pytest -n 2 --dist loadfile

bench: bench-propagation bench-training bench-tubes bench-nodules ## everything that is measured on real scans; takes hours (needs MEDSSL_DATA)

bench-propagation: $(READY) ## accuracy on real scans, with copy and optical flow beside it (needs MEDSSL_DATA)
	$(BIN)/python tests/benchmarks/propagation_table.py $(BENCH)
	$(BIN)/python tests/benchmarks/confidence.py
	$(BIN)/python tests/benchmarks/annotation_effort.py
	$(BIN)/python tests/benchmarks/propagation_trials.py
	$(BIN)/python tests/benchmarks/clicks.py
	$(BIN)/python tests/benchmarks/propagation_speed.py
	.ci/with-screen $(BIN)/python tests/benchmarks/fluidity.py

bench-training: $(READY) ## what training is worth on real scans, and how quick it is (needs MEDSSL_DATA)
	$(BIN)/python tests/benchmarks/training_throughput.py
	$(BIN)/python tests/benchmarks/segmentation_table.py
	$(BIN)/python tests/benchmarks/in_domain.py
	.ci/with-screen $(BIN)/python tests/benchmarks/train_in_napari.py

bench-tubes: $(READY) ## tubes found and refined, with filters beside them, and how quickly (needs MEDSSL_DATA)
	$(BIN)/python tests/benchmarks/tubes_table.py
	$(BIN)/python tests/benchmarks/tubes_table.py --speed 256
	$(BIN)/python tests/benchmarks/tube_refinement.py
	$(BIN)/python tests/benchmarks/tubes_ablation.py

bench-nodules: $(READY) ## nodules found on made scans and among real lungs, and how quickly (needs MEDSSL_DATA)
	$(BIN)/python tests/benchmarks/nodules_table.py
	$(BIN)/python tests/benchmarks/real_nodules.py
	$(BIN)/python tests/benchmarks/nodule_speed.py

clean: ## remove what was built here
	rm -rf $(VENV) build dist demo-output *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
