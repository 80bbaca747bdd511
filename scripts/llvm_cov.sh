#!/bin/sh
# Make `cargo llvm-cov` work: exits 1 and says so where its parts cannot be had.
set -eu
version=0.9.1
tools="$CARGO_TARGET_DIR/tools"

missing() {
    echo "$1: the coverage of Rust is not measured."
    exit 1
}

command -v rustup >/dev/null 2>&1 || missing "rustup is not installed"
rustup component add llvm-tools >/dev/null 2>&1 || missing "rustup cannot install llvm-tools"
case "$("$tools/bin/cargo-llvm-cov" llvm-cov --version 2>/dev/null)" in
    *" $version") ;;
    *)
        echo "Installing cargo-llvm-cov $version into target/tools (takes a minute)"
        cargo install --quiet --locked --root "$tools" --version "=$version" cargo-llvm-cov ||
            missing "cargo-llvm-cov cannot be installed"
        ;;
esac
