# Two commands for a newcomer: `make demo` and `make check`. Each installs, configures and builds what is missing first.
BUILD ?= build
VENV ?= .venv
PYTHON := $(VENV)/bin/python
JOBS ?= $(shell nproc)
export CCACHE_SLOPPINESS := pch_defines,time_macros
export CCACHE_BASEDIR := $(CURDIR)
export CCACHE_NOHASHDIR := 1
ifneq ($(words $(CURDIR)),1)
$(error clone to a folder without spaces in its path: lit and this Makefile can't deal with "$(CURDIR)")
endif
RUN := PYTHONPATH=$(CURDIR)/$(BUILD)/python:$(CURDIR)/python $(PYTHON)

.PHONY: all demo check check-gpu check-full fuzz bench build setup docs lint clean
all: build

$(BUILD)/.packages: scripts/setup-debian
	scripts/setup-debian
	@mkdir -p $(BUILD) && touch $@

$(VENV)/.installed: requirements.txt | $(BUILD)/.packages
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

setup: $(BUILD)/.packages $(VENV)/.installed

$(BUILD)/build.ninja: CMakePresets.json | setup
	cmake --preset dev -B $(BUILD) -DPython_EXECUTABLE=$(CURDIR)/$(PYTHON) >$(BUILD)/configure.log || (cat $(BUILD)/configure.log; exit 1)

build: setup $(BUILD)/build.ninja
	cmake --build $(BUILD) -j $(JOBS)

# TARGET=cuda: on an NVIDIA GPU; results lie in a folder of that name.
TARGET ?= cpu
demo: build
	$(RUN) -m workloads.digits --output-dir $(BUILD)/demo --target $(TARGET)
	$(RUN) -m workloads.scalify --demo --output-dir $(BUILD)/demo --target $(TARGET)

check: build
	BUILD=$(BUILD) PYTHON=$(PYTHON) scripts/check

# On a machine with a GPU; docs/gpu.md says how where compiler and GPU are apart.
check-gpu: build
	PYTHONPATH=$(CURDIR)/$(BUILD)/python:$(CURDIR)/python:$(CURDIR)/test:$(CURDIR)/test/python sh -ec '\
	  $(BUILD)/bin/runtime-cudadevice; \
	  $(PYTHON) -m gpu prepare $(BUILD)/gpu; $(PYTHON) -m gpu run $(BUILD)/gpu; \
	  $(PYTHON) -m gpu prepare-edges $(BUILD)/gpu-edges; $(PYTHON) -m gpu run $(BUILD)/gpu-edges; \
	  $(PYTHON) -m gpu prepare-numbers $(BUILD)/gpu-numbers; $(PYTHON) -m gpu run-numbers $(BUILD)/gpu-numbers; \
	  STEELYARD_BUILD=$(BUILD) $(PYTHON) -m pytest -q test/python/test_device.py'

check-full: build
	BUILD=$(BUILD) PYTHON=$(PYTHON) scripts/check --full

# Each for so many seconds; docs/testing.md.
FUZZ_SECONDS ?= 600
FUZZ_SEED ?= 0
fuzz: build
	PYTHONPATH=$(CURDIR)/$(BUILD)/python:$(CURDIR)/python:$(CURDIR)/test STEELYARD_BUILD=$(BUILD) sh -c '\
	  status=0; for kind in parser pipeline; do \
	    $(PYTHON) -m fuzz $$kind --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) --jobs $(JOBS) || status=1; \
	  done; \
	  $(PYTHON) -m fuzz pipeline --target cuda --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED) --jobs $(JOBS) || status=1; \
	  exit $$status'

bench: build
	$(RUN) -m benchmarks --output-dir $(BUILD)/bench

docs: build
	BUILD=$(BUILD) scripts/generate-docs docs
	$(RUN) scripts/generate-tour docs

lint:
	BUILD=$(BUILD) PYTHON=$(PYTHON) scripts/lint

clean:
	rm -rf $(BUILD)
