# Four commands, the same on a laptop and in CI: make test, make check, make native, make demo.
# Each first brings .venv up to date (tools/bootstrap.py); with nothing to do that takes
# a moment. PYTHON chooses the interpreter.

PYTHON ?= python3
RUN := .venv/bin/python
BOOTSTRAP := $(PYTHON) tools/bootstrap.py
FUZZ_SECONDS ?= 300
SOAK_SECONDS ?= 300
# How many files of tests run at once.
TEST_JOBS ?= 2

.PHONY: build demo demo-models test check native fuzz soak bench faults hostile swap real-streams alarms kernels peers readme protos wheel clean

build:
	@$(BOOTSTRAP) cpu

demo:
	@$(BOOTSTRAP) cpu demo
	@$(RUN) -m runtime.testing.demo

# Tests that run HAProxy, npm or MLflow's server are skipped where there is none, but not in CI.
test:
	@$(BOOTSTRAP) $(if $(CI),--system clients) cpu demo dev
	@$(RUN) -m pytest -n $(TEST_JOBS) --dist loadfile $(ARGS)

check:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m tools.check $(ARGS)

# A model of every format on one server. Says first what it downloads, and how large.
demo-models:
	@$(PYTHON) -m runtime.testing.demo_models.downloads
	@$(BOOTSTRAP) --system demo-models cpu torch demo
	@$(RUN) -m runtime.testing.demo_models

# Every layer's tests and the fuzz corpus under AddressSanitizer and
# UndefinedBehaviorSanitizer, then the ring between the processes and the queue above it under ThreadSanitizer.
native:
	@$(BOOTSTRAP) --system native
	@tools/native_tests address,undefined
	@tools/native_tests thread shm,batch

# libFuzzer on tests/fuzz, then the seeded mutation tests of make test and make native for
# longer. Fails when anything was found.
fuzz:
	@$(BOOTSTRAP) --system native --system fuzz cpu demo dev
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tools/fuzz
	@LEEBOARD_FUZZ_SECONDS=$(FUZZ_SECONDS) tools/native_tests address,undefined "" Fuzz
	@LEEBOARD_FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) -m pytest -m fuzz \
	  -o faulthandler_timeout=$$(($(FUZZ_SECONDS) + 600)) $(ARGS)

soak:
	@$(BOOTSTRAP) cpu demo dev
	@LEEBOARD_SOAK_SECONDS=$(SOAK_SECONDS) $(RUN) -m pytest -m soak \
	  -o faulthandler_timeout=$$(($(SOAK_SECONDS) + 600)) $(ARGS)

bench:
	@$(BOOTSTRAP) --system bench cpu demo dev
	@$(RUN) -m benchmarks $(ARGS)

# Each fault once under load: what clients see of it, and for how long.
faults:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.faults $(ARGS)

# Each attack of tests/hostile beside a patient client.
hostile:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.hostile $(ARGS)

# Versions swapped, rolled back and refused under load: what clients see of it.
swap:
	@$(BOOTSTRAP) cpu torch demo dev
	@$(RUN) -m benchmarks.swap $(ARGS)

# What the monitor says of streams of real data on a live server, and whether it is right.
real-streams:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.monitor.real $(ARGS)

# False alarms and delays on simulated streams, and the speed of the kernels.
alarms:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.monitor.simulate $(ARGS)

kernels:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.monitor.kernels $(ARGS)

# The figures of the last full runs of the above, and of make peers, into README.md.
readme:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.readme

# Our server beside Triton, MLServer, KServe and grpcio, each installed into
# build/benchmarks/peers by the command itself.
peers:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) -m benchmarks.peers $(ARGS)

protos:
	@$(BOOTSTRAP) cpu demo dev
	@$(RUN) protos/generate.py

wheel:
	@$(BOOTSTRAP) cpu
	@rm -rf build/lib.*
	@$(RUN) -m pip wheel -qq --disable-pip-version-check --no-deps --no-build-isolation -w dist .

clean:
	rm -rf .venv build dist *.egg-info runtime/native/*.so
