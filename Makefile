# make                 creates .venv, runs the suite of config.yaml, prints its tables
# make SUITE=testbed   the same with another suite. METHODS=esd,mine CONCEPTS=chalk SEEDS=0,1 EXPERIMENTS=style choose
#                      a part of it (make list says what there is to choose)
# make tour            makes every table and figure of the paper on the testbed; PLACES=table4,figure6 chooses some
# make help            lists the other targets

NARROWING := EXPERIMENTS METHODS CONCEPTS SEEDS
VARIABLES := SUITE $(NARROWING) CORES PYTHON SCENARIOS PLACES
ENVIRONMENT := OMP_NUM_THREADS MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_

# Make would ignore a misspelt variable without a word: METHOD=esd would run all methods.
GIVEN := $(strip $(foreach name,$(.VARIABLES),$(if $(findstring command line,$(origin $(name))),$(name))))
UNKNOWN := $(filter-out $(VARIABLES) $(ENVIRONMENT),$(GIVEN))
EMPTY := $(strip $(foreach name,$(filter $(VARIABLES),$(GIVEN)),$(if $(strip $($(name))),,$(name))))
NARROWED_BY := $(filter $(NARROWING),$(GIVEN))
WHOLE := $(filter-out run show tables plan list repro,$(MAKECMDGOALS))
FIXED := $(filter-out run show tables claims plan list scale repro clean,$(MAKECMDGOALS))
$(if $(UNKNOWN),$(error there is no variable $(UNKNOWN) (allowed: $(VARIABLES))))
$(if $(EMPTY),$(error $(EMPTY): nothing is named; leave it out, or name something (make list says what there is; of PLACES, python -m benchmark.tools.places)))
ELSEWHERE := $(and $(findstring command line,$(origin PLACES)),$(filter-out tour,$(or $(MAKECMDGOALS),run)))
$(if $(ELSEWHERE),$(error PLACES: chooses what `make tour` makes, not `make $(ELSEWHERE)`))
$(if $(and $(FIXED),$(findstring command line,$(origin SUITE))),$(error SUITE: chooses what is run, not `make $(FIXED)`))
$(if $(and $(WHOLE),$(NARROWED_BY)),$(error $(NARROWED_BY): narrows what is run, not `make $(WHOLE)`))

SUITE ?= $(shell sed -n 's/^suite: *["'"'"']*\([a-z0-9_]*\).*/\1/p' config.yaml)
$(if $(or $(word 2,$(SUITE)),$(findstring /,$(SUITE))),$(error SUITE: '$(SUITE)' is not the name of one suite))
CORES ?= all
PYTHON ?= python3
BIN := .venv/bin
RESULTS := results/$(SUITE)
quoted = '$(subst ','\'',$(strip $(1)))'
config = $(if $(strip $($(1))),$(2)$(call quoted,$($(1))))
NARROWED := $(call config,EXPERIMENTS,experiments=) $(call config,METHODS,methods=) \
  $(call config,CONCEPTS,concepts=) $(call config,SEEDS,seeds=)
OPTIONS := --cores $(CORES) --config suite=$(call quoted,$(SUITE)) $(NARROWED) --rerun-incomplete

# On few cores, several jobs with one thread each are faster than one job with all threads.
export OMP_NUM_THREADS ?= 1
# Otherwise glibc gives the memory of each training step back to the kernel, and the next step must fetch it again.
export MALLOC_MMAP_THRESHOLD_ ?= 4294967296
export MALLOC_TRIM_THRESHOLD_ ?= 17179869184

.DEFAULT_GOAL := run
.PHONY: run show tour tables claims plan list test test-causes test-kill test-slurm scale verify quality repro retrain lint clean help

# The command that messages tell to type again after a failure.
run tour tables claims: export TYPED = $(strip make $(MAKECMDGOALS) $(MAKEOVERRIDES))

run: .venv/installed ## run the suite and print its tables
	$(BIN)/snakemake $(OPTIONS)
	@$(MAKE) --no-print-directory show SUITE=$(SUITE)

show:
	@for table in $(RESULTS)/tables/*.md; do echo; cat $$table; done
	@echo; ls -1d $(RESULTS)/scores.csv $(RESULTS)/tables/*.md $(RESULTS)/figures/*.svg $(RESULTS)/images/ 2>/dev/null || true

# Failed jobs leave places empty: the list at the end says which and why, and the run has failed.
TOUR := $(BIN)/python -m benchmark.tools.places --suite tour $(call config,PLACES,--place )
tour: .venv/installed ## make all tables and figures of the paper on the testbed, scaled down (PLACES=table4 chooses)
	@$(TOUR)
	@feeding=$$($(TOUR) --experiments) && { $(BIN)/snakemake --cores $(CORES) --rerun-incomplete \
	  --config suite=tour $(if $(PLACES),experiments=$$feeding); ended=$$?; echo; $(TOUR) --made && exit $$ended; }

tables: .venv/installed ## draw tables and figures again from results/<suite>/scores.csv
	$(BIN)/snakemake tables figures $(OPTIONS)

claims: .venv/installed ## judge what the paper claims by results/<suite>/scores.csv, as claims.csv and claims.md
	$(BIN)/snakemake claims $(OPTIONS)

plan: .venv/installed ## say which jobs would run, and why
	$(BIN)/snakemake $(OPTIONS) --dry-run

list: .venv/installed ## list what the suite can run: experiments, variants and their settings, concepts
	@$(BIN)/python -m benchmark.tools.available --suite $(call quoted,$(SUITE)) \
	  $(call config,EXPERIMENTS,--experiments=) $(call config,METHODS,--methods=) \
	  $(call config,CONCEPTS,--concepts=) $(call config,SEEDS,--seeds=)

.venv/installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: $(PYTHON) is older than Python 3.11; make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

test: .venv/installed ## run the tests
	$(BIN)/python -m pytest --numprocesses auto

test-causes: .venv/installed ## edit all values and the sources of finished runs, run again, compare with clean clones (an hour)
	$(BIN)/python -m pytest -m causes --numprocesses auto tests/test_causes.py
	$(BIN)/python -m pytest -m "causes or not causes" --numprocesses 0 --capture no tests/test_edited_runs.py

test-kill: .venv/installed ## kill runs and jobs, resume them, and check that the results have the same bytes
	$(BIN)/python -m pytest -m kill

test-slurm: .venv/installed ## start SLURM with two nodes on this machine, run the suite micro on it, and disturb it
	$(BIN)/python tests/slurm/run.py $(SCENARIOS)

scale: .venv/installed ## measure and simulate how large a run may be (the tables of docs/cluster.md)
	$(BIN)/python -m benchmark.tools.scale --what planning
	$(BIN)/python -m benchmark.tools.scale --what files --suite $(SUITE)
	$(BIN)/python -m benchmark.tools.scale --what schedule

verify: .venv/installed ## check claims of the documentation, one line each
	$(BIN)/python -m benchmark.tools.verify

quality: .venv/installed ## measure the shipped testbed and write its card into the README
	$(BIN)/python -m testbed.quality

repro: .venv/installed ## run the suite twice from clean copies and compare their scores byte by byte
	rm -rf .repro
	for run in 1 2; do \
	  mkdir -p .repro/$$run && \
	  git ls-files -z --cached --others --exclude-standard | tar --null --create --files-from - | tar --extract --directory .repro/$$run && \
	  (cd .repro/$$run && ../../$(BIN)/snakemake $(OPTIONS)) || exit 1; \
	done
	cmp .repro/1/$(RESULTS)/scores.csv .repro/2/$(RESULTS)/scores.csv || \
	  { $(BIN)/python -m benchmark.tools.compare --first .repro/1/$(RESULTS)/scores.csv --second .repro/2/$(RESULTS)/scores.csv; exit 1; }
	@echo "two clean runs of suite $(SUITE): scores.csv is byte-identical"

retrain: .venv/installed ## rebuild the testbed from the emoji packages (takes hours)
	$(BIN)/python -m testbed.retrain

lint: .venv/installed ## check the style of Python and Snakemake files
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check .

clean: ## remove the results of the suite; those of other suites stay
	rm -rf $(if $(SUITE),$(RESULTS)) .repro

help:
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 12
