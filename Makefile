# `make demo` varies a beat and a tune with the shipped models, `make test` runs the checks. Both set up what they need:
# the demo the core alone (205 MB), the tests every optional install and their tools (2 GB).
PYTHON ?= python3
BIN := .venv/bin
OLD_ENOUGH = $(PYTHON) -c 'import sys; sys.exit("Latent Bridge needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
# More workers than cores, since many tests wait for sockets. A file stays with one worker: the devices of test_device_wire
# listen on the first free port of the same few.
PARALLEL := -n 4 --dist loadfile
PEERS := liblo-tools puredata-core supercollider-language

.PHONY: demo test test-core lint bench attack soak figures cards pictures clean

demo: .venv/installed
	@echo "Eight variations of a funk beat, and of the Ode to Joy:"
	@$(BIN)/latent-bridge vary tests/clips/funk.mid --amount 0.3 --seed 1 --out out/demo --force
	@$(BIN)/latent-bridge vary tests/clips/ode_to_joy.mid --amount 0.3 --seed 1 --out out/demo --force
	@echo "From one beat to another in six:"
	@$(BIN)/latent-bridge interpolate tests/clips/rock.mid tests/clips/bossa.mid --steps 6 --seed 1 --out out/demo --force
	@$(BIN)/latent-bridge preview out/demo --out out/demo.html --force
	@echo "They are MIDI files in out/demo: drag them into any DAW, or see and hear them in a browser: out/demo.html"

# First what the core promises, with all that is not of the core blocked; then the rest. No test runs twice.
test: .venv/tested lint
	PYTHONPATH=$(CURDIR)/tests/core_only $(BIN)/python -m pytest $(PARALLEL)
	$(BIN)/python -m pytest $(PARALLEL) -m full

# The same first part where truly nothing else is installed.
test-core: .venv-core/installed
	.venv-core/bin/python -m pytest $(PARALLEL)

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/tested
	$(BIN)/python bench/speed.py
	$(BIN)/python bench/osc.py

# What an attacker would try, against a fresh server each: half an hour. And two musicians for an hour, as docs/soak.md tells.
attack: .venv/tested
	$(BIN)/python bench/attack.py

soak: .venv/tested
	$(BIN)/python bench/soak.py --hours 1 --out docs/soak.md

# Measures all that is published, and writes the cards, the README's table and docs/variation.md; `make cards` only writes them.
figures: .venv/tested
	$(BIN)/python docs/figures.py ../shared/data

cards: .venv/tested
	$(BIN)/python docs/cards.py

pictures: .venv/tested
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/variation.py
	$(BIN)/python bench/cost.py
	$(BIN)/python docs/controls.py
	$(BIN)/python docs/preview.py || true # where there is no browser, the picture stays as it is
	$(BIN)/python max_for_live/picture.py

.venv/installed: pyproject.toml
	$(OLD_ENOUGH)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	touch $@

.venv-core/installed: pyproject.toml
	$(OLD_ENOUGH)
	test -x .venv-core/bin/python || $(PYTHON) -m venv .venv-core
	.venv-core/bin/python -m pip install --quiet --editable '.[test-core]'
	touch $@

# The CPU build of torch is pinned: a plain `torch` pulls gigabytes of CUDA. To use a GPU, see the README.
.venv/tested: .venv/installed constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all,test]'
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		(apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PEERS)) >/dev/null 2>&1 \
		|| echo "not all of $(PEERS) could be installed: their tests will be skipped"; fi
	touch $@

clean:
	rm -rf .venv .venv-core out build dist
