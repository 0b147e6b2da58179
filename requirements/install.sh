#!/bin/sh
# install.sh PYTHON VENV LOCK: make the virtual environment VENV and install LOCK (every file by hash) and this project in it.
# Safe to repeat. Needs Python 3.11 or newer with venv, and nothing else from the system.
set -eu
python=$1 venv=$2 lock=$3

fail() {
    printf 'sleeptime: %s\n' "$*" >&2
    exit 1
}

if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    command -v "$python" >/dev/null 2>&1 ||
        fail "'$python' was not found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3.12"
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        fail "'$python' is $("$python" --version 2>&1), and 3.11 or newer is needed; name one: make PYTHON=/path/to/python3.12"
    "$python" -c 'import venv, ensurepip' >/dev/null 2>&1 ||
        fail "'$python' cannot make virtual environments: its venv or ensurepip module is missing (on Debian and Ubuntu:" \
            "apt install python3-venv), or name another: make PYTHON=/path/to/python3.12"
    echo "making $venv with $("$python" --version)" >&2
    "$python" -m venv --clear "$venv"
fi
echo "installing $lock into $venv" >&2
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$lock"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --no-index -e .
