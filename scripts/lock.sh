#!/bin/sh
# lock.sh [--upgrade]: write the lock files from pyproject.toml. One resolution for every platform and
# every Python from 3.10 on, with hashes, without index or host.
set -eu
cd "$(dirname "$0")/.."
uv=${UV:-.venv/bin/uv}

compile() {
    "$uv" pip compile "$@" --quiet --universal --generate-hashes --python-version 3.10 \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
}

compile pyproject.toml --group dev --group peers --output-file requirements.lock "$@"
compile --group dependents --no-deps --output-file requirements-dependents.lock "$@"
compile --group jdk --output-file requirements-jdk.lock "$@"
compile --group quality --constraint requirements.lock --output-file requirements-quality.lock "$@"
