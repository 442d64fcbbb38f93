# Needs python 3.11+ and make; everything else goes into .venv. Start with `make demo`.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
EFTHEORY := $(BIN)/python -m eftheory
# The first interpreter that runs, is new enough and can build an environment; override with `make PYTHON=...`.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python3.14 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
	&& { echo "$$p"; break; }; done)

.PHONY: help demo test bench clean

help:
	@echo "make demo    set up .venv and ask of every published model: is its encoder family consistent?"
	@echo "make test    add the test tools and run the linter, the type checker and all tests"
	@echo "make bench   measure the speed ratios of check, of the exact enumerations and of training"
	@echo "make clean   remove .venv and caches"

# Exit codes 0, 1 and 2 are answers (the model is consistent, it is not, it is not decided); anything else is a failure.
demo: $(VENV)/.core
	@echo "Which published VAEs can have an exact posterior in their encoder family? One question each:"
	@models=$$($(EFTHEORY) check --list --quiet) || exit 1; \
	for model in $$models; do \
		printf '\n$$ eftheory check %s\n\n' "$$model"; \
		answer=$$($(EFTHEORY) check "$$model"); code=$$?; \
		test $$code -le 2 || exit $$code; \
		printf '%s\n' "$$answer"; \
		summary="$$summary$$(printf '  %-34s%s' "$$model" "$${answer%%:*}")\n"; \
	done; \
	printf '\nIn short:\n'; printf "$$summary"
	@echo
	@echo "Next: $(BIN)/eftheory check --help, or the README."

test: $(VENV)/.test
	@echo "== lint";            $(BIN)/python -m ruff check .
	@echo "== format";          $(BIN)/python -m ruff format --check .
	@echo "== types";           $(BIN)/python -m mypy
	@echo "== tests";           $(BIN)/python -m pytest -q
	@echo "== cross-checks again, SymPy on Python integers instead of FLINT"
	@SYMPY_GROUND_TYPES=python $(BIN)/python -m pytest -q -m "crosscheck and not slow"

bench: $(VENV)/.test
	@$(BIN)/python tests/benchmarks/ratios.py
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.enumeration
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.training
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.text
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.projection
	@PYTHONPATH=tests:. $(BIN)/python -m benchmarks.bernoulli

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find eftheory tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The stamps make both commands idempotent: work is done again only when the dependencies change.
$(VENV)/.core: pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "wanted python 3.11 or newer with venv; found none; install one, or use make PYTHON=..." >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo "== creating $(VENV)"; "$(PYTHON)" -m venv --clear $(VENV); }
	@echo "== installing the light dependencies (no torch) into $(VENV)"
	@$(PIP) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@echo "== installing the learning extra (torch) and the test tools into $(VENV)"
	@$(PIP) -e ".[test]"
	@touch $@
