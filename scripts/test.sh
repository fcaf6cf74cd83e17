#!/bin/sh
# Makes .venv, installs chaosbench with its test tools, runs the fast tests. Arguments go to pytest (for example --slow, or -n 0 for one process).
. "$(dirname -- "$0")/environment.sh"
install_chaosbench torch,dev
if ! command -v chromedriver >/dev/null 2>&1 && [ "${CI:-}" = true ]; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium chromium-driver; } >/dev/null
fi
# A process per core, at most four: each collects the tests and loads torch itself. Files are not split, so fixtures of a module are made once.
exec .venv/bin/python -m pytest -n auto --maxprocesses 4 --dist loadfile "$@"
