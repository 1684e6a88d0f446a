# FiLot: `make run` starts everything on this machine, `make test` tests it. POSIX sh, make and Python 3.11 are enough.

# Python to make the virtual environment with; by default python3.11, else python3 when that is 3.11.
PYTHON ?=
VENV ?= .venv
# DEMO=0: start without sending the specimen cards.
DEMO ?= 1
# GPU=1: install torch and EasyOCR (about 6 GB) and read with them too.
GPU ?= 0
PYTEST_ARGS ?= -q
# make torture: which rows (all when empty), the seed of the faults' times and victims, and how much of the full size.
ROWS ?=
SEED ?= 1
SCALE ?= 1

LOCKS = deploy/locks
BIN = $(VENV)/bin

.PHONY: screenshots help setup run test torture races audit fuzz-api canaries access-table lint lint-deploy fix lock install install-run install-gpu install-test install-audit

help:
	@echo "make setup    install what FiLot needs into $(VENV) (GPU=1: torch and EasyOCR too)"
	@echo "make run      start all of it on http://127.0.0.1:8080 (DEMO=0: without cards; GPU=1: with EasyOCR)"
	@echo "make test     install what tests need, a browser too, and run them (PYTEST_ARGS=...: other options for pytest)"
	@echo "make torture  hours of faults against real processes (ROWS=idle-kill,zombie SEED=7 SCALE=0.1: less of it)"
	@echo "make races    1,000 cases with 16 deciders at once, 480 cases with 8 takers (RACES=... TAKEN=...)"
	@echo "make screenshots  take the pictures of the console in docs/screenshots anew"
	@echo "make lint     ruff, mypy, import-linter, missing migrations"
	@echo "make audit    known vulnerabilities, code, secrets, and an SBOM in var/audit/"
	@echo "make fuzz-api 20,000 cases out of the OpenAPI schema (CASES=...)"
	@echo "make lint-deploy  alerts and their cases, Dockerfiles, CloudFormation, Kubernetes' manifests"
	@echo "make canaries  send 200 cards and search every store, log and answer for their values"
	@echo "make access-table  write anew who may open what (tests/access_table.txt)"
	@echo "make fix      let ruff repair and format"
	@echo "make lock     resolve deploy/locks/ anew (needs uv)"

setup:
	@case "$(GPU)" in 0|no|false|"") set -- run ;; *) set -- gpu ;; esac; $(MAKE) -s --no-print-directory install LOCK=$$1

run: setup
	@exec env DEMO="$(DEMO)" GPU="$(GPU)" $(BIN)/python manage.py rundev

test: install-test
	@$(BIN)/python -m tests.browser.install
	@exec env FILOT_ENV=test $(BIN)/python -m pytest $(PYTEST_ARGS)

torture: install-test
	@exec env FILOT_ENV=development $(BIN)/python -m tests.torture --rows "$(ROWS)" --seed $(SEED) --scale $(SCALE)

# How many cases are decided by sixteen at once, and how many are taken by eight.
RACES ?= 1000
TAKEN ?= 480

races: install-test
	@exec env FILOT_ENV=test FILOT_TEST_RACES=$(RACES) FILOT_TEST_TAKEN=$(TAKEN) $(BIN)/python -m pytest -q -n 0 --durations=2 \
	    tests/review/test_deciding.py tests/review/test_taking.py -k "sixteen or eight"

screenshots: install-test
	@$(BIN)/python -m tests.browser.install
	@exec env FILOT_ENV=test $(BIN)/python -m pytest -q tests/browser/screenshots.py

lint: install-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	FILOT_ENV=test $(BIN)/python -W ignore manage.py makemigrations --check --dry-run

# AUDIT_STRICT=1: fail too when the sources of known vulnerabilities cannot be reached.
audit: install-audit
	@exec $(BIN)/python deploy/audit.py

# Cases out of the OpenAPI schema, good and bad, against the API: how many in all.
CASES ?= 20000

fuzz-api: install-test
	@exec env FILOT_ENV=test FILOT_TEST_API_CASES=$(CASES) $(BIN)/python -m pytest -q --show-capture=no tests/test_api_cases.py

# Its programs go into a place of their own below $(VENV), without root: Debian's promtool, the others as wheels.
DEPLOY = $(VENV)/deploy
lint-deploy: install-test
	@set -e; promtool=$$(deploy/tools/promtool.sh "$$(cd $(VENV) && pwd)/deploy/promtool"); cd deploy/prometheus; \
	$$promtool check config --syntax-only prometheus.yml; $$promtool check rules rules.yml; \
	$$promtool test rules tests.yml tests-of-days.yml
	@set -e; linters=$$(deploy/tools/linters.sh $(DEPLOY) $(BIN)/python $(LOCKS)/deploy.txt); set -x; \
	$$linters/hadolint deploy/Dockerfile deploy/gpu.Dockerfile; \
	$$linters/python $$linters/cfn-lint deploy/cloudwatch/*.yaml deploy/ecs/*.yaml; \
	$$linters/python deploy/tools/check_kubernetes.py deploy/kubernetes

# How many cards with values of their own are sent through real processes before every store is searched for them.
CANARIES ?= 200

canaries: install-test
	@exec env FILOT_ENV=test FILOT_TEST_CANARIES=$(CANARIES) $(BIN)/python -m pytest -q -n 0 tests/test_canaries.py

# Look at what changed in tests/access_table.txt before you commit it: it says who may open what.
access-table: install-test
	@FILOT_ENV=test FILOT_TEST_WRITE_ACCESS_TABLE=1 $(BIN)/python -m pytest -q -p no:xdist tests/test_access.py -k column
	@git diff --stat -- tests/access_table.txt

fix: install-test
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

install-run install-gpu install-test install-audit:
	@$(MAKE) -s --no-print-directory install LOCK=$(@:install-%=%)

# LOCK is run, gpu, test or audit, each holding the one before. A copy of an installed lock stays in the virtual environment:
# while it is the same, there is nothing to do. --no-deps, since rapidocr would pull in a second build of OpenCV.
install:
	@set -e; lock=$(LOCKS)/$(LOCK).txt; \
	if test -x $(BIN)/python && $(BIN)/python -c '' 2>/dev/null; then :; else \
	    rm -rf $(VENV); \
	    for python in $(if $(PYTHON),"$(PYTHON)",python3.11 python3); do \
	        if "$$python" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then break; fi; \
	        python=; \
	    done; \
	    if test -z "$$python"; then \
	        echo "FiLot needs Python 3.11, and $(if $(PYTHON),$(PYTHON) is not that,neither python3.11 nor python3 is that here)." >&2; \
	        echo "Install it, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; \
	    fi; \
	    echo "Making the virtual environment $(VENV) with $$($$python --version) ..."; \
	    if "$$python" -m venv $(VENV); then :; else \
	        rm -rf $(VENV); \
	        echo "$$python can't make virtual environments: on Debian and Ubuntu install python3.11-venv." >&2; exit 1; \
	    fi; \
	fi; \
	if cmp -s $$lock $(VENV)/installed-$(LOCK).txt; then exit 0; fi; \
	total=$$(grep -c '==' $$lock); log=$(VENV)/install.log; status=$(VENV)/install.status; \
	echo "Installing $$total packages ($$lock): one to a few minutes, once ..."; \
	{ $(BIN)/python -m pip install --disable-pip-version-check --no-input --no-deps --require-hashes -r $$lock 2>&1 || \
	    echo failed > $$status; } | { done=0; : > $$log; rm -f $$status.part; while IFS= read -r line; do \
	    printf '%s\n' "$$line" >> $$log; \
	    case "$$line" in \
	    Collecting*|Processing*|Requirement*) done=$$((done + 1)); \
	        if test $$((done % 20)) = 0 || test $$done = $$total; then echo "  $$done of $$total looked up or fetched"; fi ;; \
	    *Downloading*MB*|*Downloading*GB*) echo "  $$line" ;; \
	    Installing*) echo "  all fetched; unpacking $$total packages ..." ;; \
	    esac; done; }; \
	if test -e $$status; then \
	    rm -f $$status; tail -n 20 $$log >&2; echo "The installation failed; all that pip said: $$log" >&2; exit 1; \
	fi; \
	for held in run $(filter-out run,$(LOCK)) $(if $(filter test audit,$(LOCK)),gpu) $(if $(filter audit,$(LOCK)),test); do \
	    cp $(LOCKS)/$$held.txt $(VENV)/installed-$$held.txt; \
	done; \
	echo "Installed."

# uv reads the override in pyproject.toml that keeps the second OpenCV out.
lock:
	@command -v uv >/dev/null || { echo "make lock needs uv on the PATH." >&2; exit 1; }
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra embedded -o $(LOCKS)/run.txt
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra embedded --extra gpu -c $(LOCKS)/run.txt -o $(LOCKS)/gpu.txt
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra embedded --extra gpu --extra dev -c $(LOCKS)/gpu.txt -o $(LOCKS)/test.txt
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra embedded --extra gpu --extra dev --extra audit -c $(LOCKS)/test.txt -o $(LOCKS)/audit.txt
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra traces -c $(LOCKS)/run.txt -o $(LOCKS)/container.txt
	uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    --extra traces --extra gpu -c $(LOCKS)/test.txt -o $(LOCKS)/container-gpu.txt
	uv pip compile $(LOCKS)/deploy.in --python-version 3.11 --generate-hashes --no-header --no-annotate \
	    -o $(LOCKS)/deploy.txt
