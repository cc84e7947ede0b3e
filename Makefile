# make install | demo [EXIT=1] | stack [EXIT=1] | test | test-full | fuzz [SECONDS=60] | bench [WRITE=1] [QUICK=1] | bench-studies [QUICK=1] | lint | viewer | pictures | lock        (see README.md)
# make apk [GATEWAY_URL=https://...] [LOCKED=1] [KEY=...] [KEY_PASSWORD_FILE=...]        (see android_viewer/android/README.md)
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
APK_PACKAGES := requirements/debian-apk.txt
SYSTEM_PACKAGES := requirements/debian-test.txt $(APK_PACKAGES)

.PHONY: install pictures viewer apk demo stack test test-full fuzz bench bench-studies lint lock system-packages apk-packages stack-packages clean

install: $(VENV)/.gateway-installed

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# A lock file says every version and hash; the package itself is then installed without asking for anything more.
$(VENV)/.gateway-installed: requirements/gateway.lock pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/gateway.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.test-installed: requirements/test.lock $(VENV)/.gateway-installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/test.lock
	touch $@

# The programs that the tests talk to, and those that the stack needs besides, from Debian. Nothing is asked of apt when
# all of them are there.
system-packages: $(SYSTEM_PACKAGES)
apk-packages: $(APK_PACKAGES)
stack-packages: requirements/debian-stack.txt
system-packages apk-packages stack-packages:
	@missing=$$(dpkg-query -W -f='$${Package} $${Status}\n' $$(cat $^) 2>/dev/null \
	  | awk '/install ok installed/ {print $$1}' | sort | comm -13 - <(sort $^)); \
	if [ -n "$$missing" ]; then \
	  echo "installing $$missing"; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  $$sudo apt-get update -qq && \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	fi

demo: install
	$(BIN)/mammogate demo $(if $(EXIT),--exit)

# All of docker-compose.yml as processes on this machine; EXIT=1 tries it out with studies and SIGKILLs, and ends.
stack: $(VENV)/.test-installed system-packages stack-packages .venv-triton/.installed
	$(BIN)/python -m tests.stack $(if $(EXIT),--exit)

lint: $(VENV)/.test-installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Two at a time, a file's tests in one process: much of the time is spent waiting for real programs.
PARALLEL := -n 2 --dist loadfile

test: lint system-packages
	$(BIN)/python -m pytest $(PARALLEL) -m "not long"

test-full: lint system-packages stack-packages fuzz .venv-triton/.installed .venv-mlserver/.installed
	$(BIN)/python -m pytest

$(VENV)/.fuzz-installed: requirements/fuzz.lock $(VENV)/.test-installed
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/fuzz.lock
	touch $@

# Real servers for the tests of the remote engine: Triton wants an older numpy than ours, MLServer an older FastAPI.
.venv-triton/.installed .venv-mlserver/.installed: .venv-%/.installed: requirements/%.lock
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $<
	touch $@

# The parsers of what strangers send, SECONDS each; the corpus is kept in data/fuzz, a crash ends it.
SECONDS ?= 60
fuzz: $(VENV)/.fuzz-installed
	for target in pdu_stream command_set header; do \
	  $(BIN)/python -m tests.fuzz $$target data/fuzz/$$target $(SECONDS) || exit 1; \
	done

# How fast images are stored, beside Orthanc and DCMTK; WRITE=1 writes the figures and their picture into docs.
bench: $(VENV)/.test-installed system-packages
	$(BIN)/python -m benchmarks --large $(if $(QUICK),--quick) $(if $(WRITE),--write docs/performance.md)

# Studies an hour by workers and engine, and how a real Triton does for many clients beside the same graph in process.
bench-studies: $(VENV)/.test-installed system-packages .venv-triton/.installed
	$(BIN)/python -m benchmarks.studies $(if $(QUICK),--quick)

# Exact versions for everybody, from the ranges in pyproject.toml.
lock:
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra demo --group build pyproject.toml -o requirements/gateway.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra demo --extra train --extra remote --extra push --extra traces --group build --group test -c requirements/gateway.lock pyproject.toml -o requirements/test.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --extra demo --extra remote --extra push --extra traces --group build -c requirements/test.lock pyproject.toml -o requirements/remote.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --group pyproject.toml:fuzz -o requirements/fuzz.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --group pyproject.toml:triton -o requirements/triton.lock
	uv pip compile --quiet --generate-hashes --no-header --no-emit-index-url --python-version 3.11 \
	  --group pyproject.toml:mlserver -o requirements/mlserver.lock

# The phone viewer's built files, after a change of its sources; needs npm. Whoever runs a gateway finds them built.
viewer:
	cd android_viewer/web && npm ci --ignore-scripts && npm run build

# The phone viewer's Android package, from Debian's packages.
apk: apk-packages
	android_viewer/android/build.sh android_viewer/android/build

# The pictures in the documents, by the project's own command.
pictures: $(VENV)/.test-installed system-packages
	$(BIN)/mammogate demo --exit --data-dir data/pictures --picture docs/pictures/summary.png
	$(BIN)/mammogate model pictures docs/model
	$(BIN)/python -m benchmarks.localisation docs/model
	$(BIN)/python -m tests.system.viewer_pictures docs/pictures
	$(BIN)/python -m tests.system.dashboard_picture docs/pictures/dashboard.png

clean:
	rm -rf $(VENV) .venv-triton .venv-mlserver data .mypy_cache .ruff_cache .pytest_cache
