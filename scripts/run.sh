#!/bin/sh
# From nothing to a leaderboard: makes .venv, installs chaosbench, runs the demo. Safe to repeat: it continues where it stopped.
. "$(dirname -- "$0")/environment.sh"
install_chaosbench torch
exec .venv/bin/chaosbench demo "$@"
