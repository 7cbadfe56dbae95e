# mailtriage: make demo, make test. Each installs what it lacks, through apt and pip.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# Processes that share the tests; those that measure time run alone afterwards.
JOBS   ?= 2
STAMP  := $(VENV)/.installed

# Root needs no sudo; everybody else is asked for a password only when something is missing.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT_BUILD := gcc libc6-dev libmilter-dev python3-dev python3-venv
APT_TEST  := groff-base man-db mandoc opendkim openssl postfix procps prometheus redis-server systemd vacation
APT_BENCH := rspamd
# Real helpdesks and robots. dbconfig-no-thanks: the tests make databases of their own.
APT_HELPDESKS := dbconfig-no-thanks dovecot-core dovecot-lmtpd dovecot-sieve mailman3 perl redmine \
	redmine-sqlite request-tracker5 rt5-clients rt5-db-sqlite rt5-standalone ruby-webrick
HELPDESKS := $(VENV)/helpdesks
APT_DEB := dpkg-dev
APT_DEB_TEST := debootstrap lintian
DEB := build/deb

.PHONY: install demo test test-packages test-helpdesks lint bench bench-short chaos bench-insight soak soak-short replay accuracy model reference deb deb-test clean help

help:            ## this list
	@sed -n 's/^\([a-z-]*\): .*## /  make \1\t/p' Makefile

install: $(STAMP) ## .venv with .venv/bin/mailtriage in it

$(STAMP): pyproject.toml Makefile
	@$(call apt_install,$(APT_BUILD))
	[ -x $(BIN)/python ] || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'setuptools>=77' wheel
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	@touch $@

demo: install ## sample mails go in by SMTP and come out tagged; then it listens on 127.0.0.1:2525
	$(BIN)/mailtriage demo $(ARGS)

test-packages:
	@$(call apt_install,$(APT_TEST))

test-helpdesks: install $(HELPDESKS)/.installed
	@$(call apt_install,$(APT_HELPDESKS))

$(HELPDESKS)/.installed: tests/e2e/helpdesks.txt
	[ -x $(HELPDESKS)/bin/python ] || $(PYTHON) -m venv $(HELPDESKS)
	$(HELPDESKS)/bin/python -m pip install --quiet --disable-pip-version-check -r $<
	@touch $@

lint: install ## ruff and mypy --strict
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: install test-packages test-helpdesks lint ## everything: lint, policies, unit, wire and end-to-end tests
	$(BIN)/mailtriage check --quiet
	$(BIN)/mailtriage test
	$(BIN)/python -m pytest -m 'not e2e and not alone' -n $(JOBS) --dist worksteal $(ARGS)
	$(BIN)/python -m pytest -m 'alone and not e2e' $(ARGS)
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m pytest -m e2e -n $(JOBS) --dist loadfile $(ARGS)  # Postfix starts as root

bench: install test-packages ## through real Postfix and on the socket alone, beside rspamd and a no-op milter
	@$(call apt_install,$(APT_BENCH))
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.bench $(ARGS)

bench-short: install test-packages ## the same with few mails: shows that the benchmark runs
	@$(call apt_install,$(APT_BENCH))
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.bench --short $(ARGS)

chaos: install test-packages ## 1,500 mails under kill -9 of every process: nothing lost, nothing twice
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.chaos $(ARGS)

soak: install test-packages ## 30 minutes of mail under kill -9 and reloads: nothing lost, nothing grows
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.soak $(ARGS)

replay: install ## four weeks of a customer service at simulated time, through the real doors: about two minutes
	$(BIN)/python -m tests.replay $(ARGS)

bench-insight: install ## promises, early warning and knowledge base: the tables of their documentation
	$(BIN)/python -m tests.bench.insight_promises $(ARGS)
	$(BIN)/python -m tests.bench.insight_chance $(ARGS)
	$(BIN)/python -m tests.bench.insight_warning
	$(BIN)/python -m tests.bench.kb
	$(BIN)/python -m tests.bench.desk_cost

soak-short: install test-packages ## the same for 5 minutes
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 $(BIN)/python -m tests.soak --minutes 5 $(ARGS)

accuracy: install ## every table of docs/accuracy.md
	$(BIN)/mailtriage --config /dev/null eval ../shared/data/gold
	$(BIN)/python -m tests.accuracy $(ARGS)

model: install ## rebuild what is trained from policies/corpus: language arbiter and shipped model
	$(BIN)/python -m mailtriage.learning.nearby
	$(BIN)/python -m mailtriage.learning.shipped

reference: install ## man pages and JSON Schemas, from the commands, settings and policies
	$(BIN)/python -m mailtriage.reference

deb: ## the Debian package, in build/deb
	@$(call apt_install,$(APT_BUILD) $(APT_DEB))
	packaging/build-deb $(DEB)

deb-test: install test-packages deb ## installs it on a clean Debian, and runs it there
	@$(call apt_install,$(APT_DEB_TEST))
	$(SUDO) env PYTHONDONTWRITEBYTECODE=1 MAILTRIAGE_DEB=$$(ls -t $(DEB)/*.deb | head -n 1) \
		$(BIN)/python -m pytest -m e2e tests/e2e/test_deb.py $(ARGS)

clean:           ## remove what make made
	rm -rf $(VENV) build .mypy_cache .ruff_cache .hypothesis milter/*.egg-info

# Debian 12's libruby3.1 brings a second Bundler, newer than the patched one of ruby-bundler, at which
# the installation of redmine fails; this makes it take the patched one.
BUNDLER = $$(apt-cache show ruby-bundler 2>/dev/null | sed -n 's/^Version: \([0-9.]*\).*/\1/p' | head -n 1)

# $(1): packages. Installs those that are missing, without a question and without starting a service:
# the tests run their own private instances, and nobody wants an open Postfix because of them.
define apt_install
missing=""; for p in $(1); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
if [ -n "$$missing" ]; then \
  echo "installing:$$missing"; \
  policy=/usr/sbin/policy-rc.d; made=""; \
  [ -e $$policy ] || { printf '#!/bin/sh\nexit 101\n' | $(SUDO) tee $$policy >/dev/null; $(SUDO) chmod 755 $$policy; made=1; }; \
  $(SUDO) apt-get update -qq && \
  $(SUDO) env DEBIAN_FRONTEND=noninteractive BUNDLER_VERSION=$(BUNDLER) apt-get install -y -qq --no-install-recommends $$missing >/dev/null; status=$$?; \
  [ -z "$$made" ] || $(SUDO) rm -f $$policy; \
  exit $$status; \
fi
endef
