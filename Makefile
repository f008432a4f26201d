# Two commands: `make demo` varies a beat and a tune with the shipped models, `make test` runs the checks. Both set up what they need.
PYTHON ?= python3
BIN := .venv/bin
PEERS := liblo-tools puredata-core supercollider-language

.PHONY: demo test check lint bench evaluate pictures cards clean

demo: .venv/installed
	@echo "Eight variations of a funk beat, and of the Ode to Joy:"
	@$(BIN)/latent-bridge vary tests/clips/funk.mid --amount 0.3 --seed 1 --out out/demo --force
	@$(BIN)/latent-bridge vary tests/clips/ode_to_joy.mid --amount 0.3 --seed 1 --out out/demo --force
	@echo "From one beat to another in six:"
	@$(BIN)/latent-bridge interpolate tests/clips/rock.mid tests/clips/bossa.mid --steps 6 --seed 1 --out out/demo --force
	@echo "They are MIDI files in out/demo: drag them into any DAW."

test: .venv/tested lint
	$(BIN)/python -m pytest

lint: .venv/tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/installed
	$(BIN)/python bench/speed.py
	$(BIN)/python bench/osc.py

evaluate: .venv/installed
	$(BIN)/latent-bridge evaluate drums ../shared/data --control --json out/drums.json
	$(BIN)/latent-bridge evaluate melody ../shared/data --control --json out/melody.json

pictures: .venv/tested
	$(BIN)/python docs/pictures.py
	$(BIN)/python docs/variation.py
	$(BIN)/python max_for_live/picture.py

# The CPU build of torch is pinned: a plain `torch` pulls gigabytes of CUDA. To use a GPU, see the README.
.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("Latent Bridge needs Python 3.11 or newer: make PYTHON=python3.12" if sys.version_info < (3, 11) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/tested: .venv/installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		(apt-get update -qq && apt-get install -y -qq --no-install-recommends $(PEERS)) >/dev/null 2>&1 \
		|| echo "not all of $(PEERS) could be installed: their tests will be skipped"; fi
	touch $@

clean:
	rm -rf .venv out build dist
