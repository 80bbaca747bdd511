#!/bin/sh
# Fail with a clear message unless a Rust toolchain exists that is new enough for this project.
set -eu
cd "$(dirname "$0")/.."
needed=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*/\1/p' Cargo.toml)

if ! version=$(cargo --version 2>&1); then
    echo "error: building the extension needs stable Rust >= $needed, but \`cargo --version\` failed:" >&2
    echo "       $version" >&2
    echo "hint: install it from https://rustup.rs" >&2
    exit 1
fi

found=$(echo "$version" | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
if [ "${found%%.*}" -eq "${needed%%.*}" ] && [ "${found#*.}" -ge "${needed#*.}" ] ||
    [ "${found%%.*}" -gt "${needed%%.*}" ]; then
    exit 0
fi
echo "error: building the extension needs stable Rust >= $needed, but found $version" >&2
echo "hint: rustup update stable" >&2
exit 1
