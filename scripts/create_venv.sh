#!/bin/sh
# create_venv.sh PYTHON DIRECTORY: make a virtual environment with PYTHON or, if that is empty, with
# the first interpreter found that is new enough.
set -eu
wanted=$1
directory=$2

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null
}

if [ -n "$wanted" ]; then
    if ! new_enough "$wanted"; then
        echo "error: PYTHON=$wanted is not a Python >= 3.10" >&2
        exit 1
    fi
else
    for candidate in python3 python python3.13 python3.12 python3.11 python3.10; do
        if new_enough "$candidate"; then
            wanted=$candidate
            break
        fi
    done
fi
if [ -z "$wanted" ]; then
    echo "error: no Python >= 3.10 found" >&2
    echo "hint: install one, or give its path: make setup PYTHON=/path/to/python3" >&2
    exit 1
fi

echo "Creating $directory with $("$wanted" --version) ($(command -v "$wanted"))"
if ! "$wanted" -m venv "$directory"; then
    echo "error: $wanted could not create a virtual environment" >&2
    echo "hint: Debian and Ubuntu ship venv as a separate package: apt install python3-venv" >&2
    exit 1
fi
