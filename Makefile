# Thin: every target is what a person could type. The environment is .venv, built once from the lock.
PYTHON ?= python3
RUN = .venv/bin/python
DEMO = demo
NUM_CLIPS = 120
PRISM_PACKAGE = github.com/apache/beam/sdks/v2/go/cmd/prism
export TF_CPP_MIN_LOG_LEVEL ?= 2
export GLOG_minloglevel ?= 2

.PHONY: environment prism pubsub_server kafka flink test-flink demo picture page test test-all lint lint-page bench bench-live bench-scale bench-finetune rehearsal-clips config-table bench-model bench-landmarks lock format clean

# The lock is complete, so pip need not resolve; `pip check` complains of absl-py alone (see `lock`).
.venv/installed: requirements.txt
	$(PYTHON) -c 'import sys; (3, 11) <= sys.version_info < (3, 14) or sys.exit("Python 3.11 to 3.13 is needed: make PYTHON=python3.12 …")'
	$(PYTHON) -m venv --clear .venv
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.txt
	touch .venv/installed

environment: .venv/installed

# Prism, a portable engine of Beam's Go SDK, of the same version as the Python SDK: tests run the jobs on it where it is there.
.venv/bin/prism: .venv/installed
	GOBIN=$(CURDIR)/.venv/bin go install $(PRISM_PACKAGE)@v$$($(RUN) -c 'import importlib.metadata; print(importlib.metadata.version("apache-beam"))')

prism: .venv/bin/prism

# A Pub/Sub server in memory, of Google's Go client, for tests on machines without Google's emulator.
.venv/bin/pubsub_server: tests/pubsub_server/main.go tests/pubsub_server/go.mod .venv/installed
	cd tests/pubsub_server && go build -o $(CURDIR)/.venv/bin/pubsub_server .

pubsub_server: .venv/bin/pubsub_server

# A Kafka server for the tests; needs Maven, and Java to run.
kafka: .venv/installed
	mvn --quiet --file tests/kafka/pom.xml dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory=$(CURDIR)/.venv/kafka

# Apache Flink's jars (313 MB); needs Java to run. `$(RUN) tests/flink_cluster.py` starts a cluster of them on this machine.
flink: .venv/installed
	$(RUN) -m pip install --quiet --no-deps --upgrade --target .venv/flink apache-flink-libraries==2.2.1

# The jobs on Flink. Beam's job server is a jar of its own; with Maven, where it is served:
#   mvn dependency:copy -Dartifact=org.apache.beam:beam-runners-flink-2.2-job-server:2.77.0 -DoutputDirectory=.
#   make test-flink FLINK_JOB_SERVER_JAR=$$PWD/beam-runners-flink-2.2-job-server-2.77.0.jar
FLINK_JOB_SERVER_JAR =
test-flink: flink
	FLINK_JOB_SERVER_JAR=$(FLINK_JOB_SERVER_JAR) $(RUN) -m pytest tests/beam_jobs/engines/test_flink.py \
	  tests/beam_jobs/stream/test_stream_on_engines.py -k flink

# The whole path on drawn athletes: videos -> tables -> bundle -> report -> a live answer. `make` prints each command.
demo: .venv/installed
	$(RUN) -m beam_jobs athletes --output $(DEMO)/videos --num_clips $(NUM_CLIPS) --seed 0
	$(RUN) -m beam_jobs extract --videos $(DEMO)/videos --labels $(DEMO)/videos/labels.csv --output $(DEMO)/tables
	$(RUN) -m beam_jobs features --input $(DEMO)/tables --output $(DEMO)/tables
	$(RUN) -m model train --tables $(DEMO)/tables --output $(DEMO)/bundle
	$(RUN) -m model evaluate --bundle $(DEMO)/bundle --tables $(DEMO)/tables --output $(DEMO)/report
	$(RUN) -m beam_jobs athletes --output $(DEMO)/unseen --num_clips 3 --seed 1 --exercises lunge
	$(RUN) -m live --bundle $(DEMO)/bundle --source $(DEMO)/unseen/lunge/lunge_0000.mp4 --json --no_window --min_probability 0 \
	  --record $(DEMO)/unseen/answer.mp4 > $(DEMO)/unseen/answer.jsonl
	tail -n 3 $(DEMO)/unseen/answer.jsonl
	@$(RUN) tests/manual/check_demo.py $(DEMO) lunge

# The moving picture of README.md: a drawn athlete, answered by the bundle that comes with live.
picture: .venv/installed
	PYTHONPATH=. $(RUN) tests/manual/make_picture.py live/static/recognised.webp

# The libraries of the page of `python -m live serve`, by the lock live/page/package-lock.json. Needs neither node nor npm.
page: .venv/installed
	$(RUN) -m live.vendor

# The fast tests. `make test-all` runs every test: cloud storage, jobs that are killed, training, fresh installations.
test: .venv/installed
	$(RUN) -m pytest -m "not slow"

# Which two processes share: `make test-all PROCESSES=4` on a larger machine.
PROCESSES = 2
test-all: .venv/installed
	$(RUN) -m pytest -n $(PROCESSES) --dist loadfile

lint: .venv/installed
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m mypy

# The page's JavaScript: TypeScript checks the types in its comments, ESLint the rest. Needs node and npm.
lint-page:
	npm --prefix live/page ci --ignore-scripts --no-audit --no-fund
	npm --prefix live/page run check

format: .venv/installed
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

# Minutes, not for CI: prints ratios measured on this machine.
bench: .venv/installed
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_extract.py
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_memory.py

# Ten minutes, for a machine on which nothing else runs; results/live.md says what came out. VIDEO: by default a drawn athlete's.
VIDEO =
bench-live: .venv/installed
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_live.py $(VIDEO)
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_server.py --cpu 0

# Half an hour, for a machine on which nothing else runs; results/scale.md says what came out. CLIPS: a folder of videos of 30
# frames a second, ten minutes or more of them; by default drawn athletes.
CLIPS =
bench-scale: .venv/installed
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_scale.py $(if $(CLIPS),--videos $(CLIPS)) --seconds 600
	PYTHONPATH=.:tests $(RUN) tests/manual/bench_memory.py
	$(RUN) tests/manual/simulate_scale.py

# Fine-tuning to a few clips of a new exercise, measured on other people. TABLES: labelled clips, made with the bundle's features;
# LEARN: exercises and the people whose clips are learned from, e.g. make bench-finetune TABLES=tables LEARN='yoga=anna,ben row=carla,dan'
TABLES =
LEARN =
bench-finetune: .venv/installed
	PYTHONPATH=. $(RUN) tests/manual/bench_finetune.py --tables $(TABLES) --learn $(LEARN)

# The table of configuration keys in model/README.md, from the docstrings of model/config.py.
config-table: .venv/installed
	PYTHONPATH=. $(RUN) tests/manual/config_table.py

# The default bundle's rehearsal clips: synthetic athletes whom it was not trained on.
rehearsal-clips: .venv/installed
	$(RUN) -m beam_jobs athletes --output $(BENCH)/rehearsal/videos --num_clips 140 --seed 21 --exercises $(EXERCISES) --variety varied
	$(RUN) -m beam_jobs extract --videos $(BENCH)/rehearsal/videos --labels $(BENCH)/rehearsal/videos/labels.csv --output $(BENCH)/rehearsal
	$(RUN) -m model synthesize --athletes $(BENCH)/rehearsal/videos --tables $(BENCH)/rehearsal --output $(BENCH)/synthesized_2 \
	  --num_clips 700 --seed 2000
	$(RUN) -m beam_jobs features --input $(BENCH)/synthesized_2 --output $(BENCH)/synthesized_2 --transform_fn live/default_bundle
	PYTHONPATH=. $(RUN) tests/manual/make_rehearsal.py --bundle live/default_bundle --synthetic_tables $(BENCH)/synthesized_2

# Hours, with all experiments and seeds: `python -m model benchmark` on your own videos, e.g.
#   make bench-model VIDEOS=clips LABELS=clips/labels.csv EXPERIMENTS='conv conv/no_tilt extra_trees' SEEDS=1
# EXTRA_TABLES: tables of more clips of real people, for the experiments that train on them, like released_recipe;
# RENAME_LABELS: their labels that have other names here, like front_raise=front_lateral_raise.
# Continues where it was stopped. `python -m model benchmark --list` lists the experiments.
VIDEOS = demo/videos
LABELS = $(VIDEOS)/labels.csv
BENCH = bench
EXPERIMENTS = all
SEEDS = 3
EXTRA_TABLES =
RENAME_LABELS =
bench-model: .venv/installed
	$(RUN) -m beam_jobs extract --videos $(VIDEOS) --labels $(LABELS) --output $(BENCH)/clips --max_failed_share 0.2
	$(RUN) -m beam_jobs features --input $(BENCH)/clips --output $(BENCH)/clips
	$(RUN) -m beam_jobs extract --videos $(VIDEOS) --labels $(LABELS) --output $(BENCH)/clips_30hz --frame_rate_hz 30 --max_failed_share 0.2
	$(RUN) -m beam_jobs features --input $(BENCH)/clips_30hz --output $(BENCH)/clips_30hz
	$(RUN) -m beam_jobs athletes --output $(BENCH)/athletes/videos --num_clips 210 --seed 11 --exercises all --variety varied
	$(RUN) -m beam_jobs extract --videos $(BENCH)/athletes/videos --labels $(BENCH)/athletes/videos/labels.csv --output $(BENCH)/athletes
	$(RUN) -m beam_jobs features --input $(BENCH)/athletes --output $(BENCH)/athletes
	$(RUN) -m model synthesize --athletes $(BENCH)/athletes/videos --tables $(BENCH)/athletes --output $(BENCH)/synthesized
	$(RUN) -m beam_jobs features --input $(BENCH)/synthesized --output $(BENCH)/synthesized
	$(RUN) -m model benchmark --tables $(BENCH)/clips --tables_30hz $(BENCH)/clips_30hz --athletes $(BENCH)/athletes \
	  --synthetic_tables $(BENCH)/synthesized $(if $(EXTRA_TABLES),--extra_tables $(EXTRA_TABLES)) \
	  $(if $(RENAME_LABELS),--rename_labels $(RENAME_LABELS)) --experiments $(EXPERIMENTS) --seeds $(SEEDS) --output $(BENCH)/results

# The same on landmarks that were made elsewhere, with their labels.csv (`import --help`). After bench-model, whose athletes
# and clips are trained on, too, e.g.
#   make bench-landmarks LANDMARKS=landmarks.parquet LABELS=labels.csv BENCH=bench RENAME_LABELS=front_lateral_raise=front_raise
LANDMARKS =
bench-landmarks: .venv/installed
	$(RUN) -m beam_jobs import --landmarks $(LANDMARKS) --labels $(LABELS) --output $(BENCH)/imported
	$(RUN) -m beam_jobs features --input $(BENCH)/imported --output $(BENCH)/imported
	$(RUN) -m model benchmark --tables $(BENCH)/imported --athletes $(BENCH)/athletes \
	  --synthetic_tables $(BENCH)/synthesized --extra_tables $(BENCH)/clips \
	  $(if $(RENAME_LABELS),--rename_labels $(RENAME_LABELS)) --experiments $(EXPERIMENTS) --seeds $(SEEDS) --output $(BENCH)/results_landmarks

# Compiles requirements.txt from setup.py. The override: tfx-bsl and tensorflow-transform declare absl-py<2, mediapipe
# absl-py~=2.3; the first is stale (2.x works), but no resolver can know. So `pip check` complains of absl-py alone.
lock: .venv/installed
	echo 'absl-py>=2.3' > .venv/overrides.txt
	$(RUN) -m uv pip compile setup.py --universal --python-version 3.11 --all-extras --generate-hashes \
	  --no-emit-index-url --no-annotate --custom-compile-command 'make lock' \
	  --override .venv/overrides.txt --output-file requirements.txt

clean:
	rm -rf .venv $(DEMO)
