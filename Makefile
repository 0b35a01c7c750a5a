# Every target makes the virtual environment that it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

TASK ?= FetchPickAndPlace
RESULTS ?= reach push pick slide pick_study slide_study pick_control hand two_cores
SCREEN = $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))

.PHONY: train play test check reliability bench peers results clean

train: $(VENV)/.run  ## train FetchReach to the end, then play the policy
	$(BIN)/python -m baselines_her.run --env=FetchReach --num_timesteps=5000 --play

play: $(VENV)/.run  ## show a trained policy: make play TASK=FetchPush; a film without a screen
	$(BIN)/python experiment/play.py policies/$(TASK).pkl --episodes=10 \
	  $(if $(SCREEN),--render,--video=$(TASK).mp4)

test: $(VENV)/.all  ## run the tests
	$(BIN)/python -m pytest

check: $(VENV)/.all  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reliability: $(VENV)/.all  ## the long checks
	FETCH_EPISODES=400 $(BIN)/python -m pytest tests/test_fetch.py
	HYPOTHESIS_EXAMPLES=10000 $(BIN)/python -m pytest tests/test_properties.py
	$(BIN)/python tests/reliability/damage.py
	$(BIN)/python tests/reliability/strangers.py
	$(BIN)/python tests/reliability/kill.py
	$(BIN)/python tests/reliability/disk_full.py
	$(BIN)/python tests/reliability/leaks.py
	$(BIN)/python tests/reliability/workers.py

bench: $(VENV)/.all  ## every table of docs/performance.md; half an hour
	$(BIN)/python bench/run.py all

peers: $(VENV)/.all  ## train the peers at equal minutes; an hour
	$(BIN)/python bench/run.py train $(TRAININGS)

results: $(VENV)/.all  ## the trainings of docs/results.md that are not there yet; hours
	for list in $(RESULTS); do $(BIN)/python experiment/benchmark.py $$list || exit; done

clean:
	rm -rf $(VENV) .venv-peers

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[video,tensorboard]'
	touch $@

$(VENV)/.all: setup.py constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[all]'
	touch $@ $(VENV)/.run
