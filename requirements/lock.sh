#!/bin/sh
# lock.sh UV: write requirements/dev.txt and runtime.txt from pyproject.toml: one version of everything for Python 3.11 and
# newer on every platform, each file by its hashes, and no address of an index.
set -eu
uv=$1
cd "$(dirname "$0")/.."

compile() {
    "$uv" pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate \
        --no-header --group install "$@"
}
compile pyproject.toml --extra dev -o requirements/dev.txt
compile pyproject.toml --constraint requirements/dev.txt -o requirements/runtime.txt
