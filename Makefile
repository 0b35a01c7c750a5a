# `make` lists the targets.  Each makes the virtual environment that it needs.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

TASK ?= FetchPickAndPlace
# A HalfCheetah episode has 1,000 steps, a Fetch episode 50.
EPISODES ?= $(if $(filter HalfCheetah,$(TASK)),1,10)
RESULTS ?= reach push pick slide hand push_0_1 pick_0_1 push_relay pick_relay relay_study \
  hand_block point_mazes dense \
  pick_control demos demos_0_1 demos_contrast demos_imperfect \
  pick_study slide_study workers tuning_push tuning_pick tuning_slide two_cores \
  cheetah_1m cheetah_3m tuning_cheetah tuning_cheetah_3m locomotion cheetah_aidl \
  anymal anymal_step anymal_ramp anymal_study umaze umaze_study large hac_pick
RUNS = results
DRAW = $(BIN)/python experiment/plot.py --out docs/images
DEMOS = $(RUNS)/demos_0_1 $(RUNS)/demos_contrast --labels "with demonstrations" \
  "without Q-filter" "plain recipe (polyak .95, no fade)" "without demonstrations"
SCREEN = $(or $(DISPLAY),$(WAYLAND_DISPLAY),$(filter Darwin,$(shell uname)))

.PHONY: help train play test slow examples docs notebooks check reliability bench peers results figures clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

train: $(VENV)/.run  ## train FetchReach to the end, then play the policy
	$(BIN)/python -m baselines_her.run --env=FetchReach --num_timesteps=5000 --play

play: $(VENV)/.run  ## show a trained policy: make play TASK=FetchPush; a film without a screen
	$(BIN)/python experiment/play.py $(TASK) --episodes=$(EPISODES) \
	  $(if $(SCREEN),--render,--video=$(TASK).mp4)

test: $(VENV)/.all  ## run the tests
	$(BIN)/python -m pytest

slow: $(VENV)/.all  ## run the tests that take longest
	$(BIN)/python -m pytest -m slow

examples: $(VENV)/.all  ## run the examples
	$(BIN)/python -m pytest examples

docs: $(VENV)/.all  ## build the site: docs/_build/html/index.html
	$(BIN)/python -m sphinx -W --keep-going -q -d docs/_build/doctrees docs docs/_build/html

notebooks: $(VENV)/.all  ## make the notebooks and run them: examples/notebooks/*.ipynb
	$(BIN)/jupytext -q --to ipynb examples/notebooks/*.py
	$(BIN)/python -m pytest -n 0 --nbmake --nbmake-timeout=900 --overwrite \
	  examples/notebooks/*.ipynb

check: $(VENV)/.all  ## formatting, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reliability: $(VENV)/.all  ## the long checks
	FETCH_EPISODES=400 $(BIN)/python -m pytest tests/envs/test_fetch.py
	HYPOTHESIS_EXAMPLES=10000 $(BIN)/python -m pytest tests/test_properties.py
	HOSTILE_EVERY=1 $(BIN)/python -m pytest -o faulthandler_timeout=600 tests/reliability
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

results: $(VENV)/.all data_fetch_random_100.npz data_imperfect_100.npz  ## the trainings of docs/results.md that are not there yet; many hours
	for list in $(RESULTS); do $(BIN)/python experiment/benchmark.py $$list || exit; done

figures: $(VENV)/.all  ## draw the figures of docs/results.md
	$(DRAW)/reach.png $(RUNS)/reach
	$(DRAW)/tuned.png $(addprefix $(RUNS)/,hand pick push slide) \
	  --labels HandReach FetchPickAndPlace FetchPush FetchSlide
	$(DRAW)/relay.png $(addprefix $(RUNS)/,pick pick_0_1 push push_0_1) \
	  --labels FetchPickAndPlace "FetchPickAndPlace, no relay" FetchPush "FetchPush, no relay"
	$(DRAW)/push_minutes.png --x=minutes $(RUNS)/push $(RUNS)/peers/FetchPush* \
	  --labels "SB3 DDPG + HER" "SB3 SAC + HER" tuned
	$(DRAW)/pick_minutes.png --x=minutes $(RUNS)/pick $(RUNS)/peers/FetchPick* \
	  --labels "SB3 DDPG + HER" "SB3 SAC + HER" tuned
	$(DRAW)/tuned_demos.png $(RUNS)/demos $(RUNS)/pick \
	  --labels "with demonstrations" "without demonstrations"
	$(DRAW)/demos.png $(DEMOS)
	$(DRAW)/demos_minutes.png --x=minutes $(DEMOS)
	$(DRAW)/imperfect.png $(RUNS)/demos_imperfect \
	  --labels "without Q-filter" "with Q-filter"
	$(DRAW)/study_pick.png $(RUNS)/pick_0_1 $(RUNS)/pick_study \
	  --labels "HER + energy" "HER + energy, OU noise" "HER + PER" HER
	$(DRAW)/study_slide.png $(RUNS)/slide $(RUNS)/slide_study \
	  --labels "tuned: HER + PER, relative goals" "HER + energy" "HER + PER" HER
	$(DRAW)/cheetah_3m.png $(RUNS)/cheetah_3m $(RUNS)/tuning_cheetah_3m/linear_seed* \
	  --labels tuned "64 x 64 units, linear rate"
	$(DRAW)/anymal_terms.png $(RUNS)/anymal --columns test/return test/length ppo/std \
	  loss/entropy $(addprefix reward/,velocity forward turn planted air_time tilt \
	  torque power)
	$(DRAW)/anymal_minutes.png --x=minutes $(RUNS)/anymal $(RUNS)/peers/Anymal* \
	  --labels tuned "SB3 PPO" "SB3 SAC"
	$(DRAW)/umaze_minutes.png --x=minutes $(RUNS)/umaze \
	  --labels flat "flat, actions held for 30 steps" "3 levels" "2 levels"
	$(DRAW)/large_minutes.png --x=minutes $(RUNS)/large \
	  --labels "flat, replay_k 16" flat "flat, actions held for 40 steps" "3 levels" \
	  "2 levels" "2 levels, usual settings"
	$(DRAW)/cheetah_minutes.png --x=minutes $(RUNS)/cheetah_3m \
	  $(RUNS)/peers/HalfCheetah* --labels tuned "SB3 PPO" "SB3 SAC" "SB3 TQC"
	$(DRAW)/workers.png $(RUNS)/workers --labels "one worker" "two workers"

clean:  ## remove the virtual environments
	rm -rf $(VENV) .venv-peers

data_fetch_random_100.npz: | $(VENV)/.all
	$(BIN)/python data_generation/fetch_data_generation.py --env=FetchPickAndPlace

data_imperfect_100.npz: | $(VENV)/.all
	$(BIN)/python data_generation/fetch_data_generation.py --env=FetchPickAndPlace \
	  --noise=0.13 --keep_failures --episodes=100 --out=$@

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[video,tensorboard]'
	touch $@

$(VENV)/.all: pyproject.toml constraints.txt | $(BIN)/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[all]'
	touch $@ $(VENV)/.run
