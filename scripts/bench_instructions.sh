#!/bin/sh
# Counts the instructions of suggestions (rust/core/benches/instructions.rs) with Callgrind.
set -eu

if ! command -v valgrind >/dev/null 2>&1; then
    echo "valgrind is not installed: no instructions were counted (e.g. apt install valgrind)"
    exit 0
fi

# The runner must be of the very version of the library.
version=$(awk '/^name = "gungraun"$/ { getline; gsub(/"/, ""); print $3 }' Cargo.lock)
runner=$PWD/target/tools/bin/gungraun-runner
if [ "$("$runner" --version 2>/dev/null)" != "gungraun-runner $version" ]; then
    echo "Installing gungraun-runner $version into target/tools (the first time takes a few minutes)"
    cargo install --quiet --root target/tools --locked --version "=$version" gungraun-runner
fi
GUNGRAUN_RUNNER=$runner \
    cargo bench --locked --package sparktune-core --bench instructions -- "$@"
