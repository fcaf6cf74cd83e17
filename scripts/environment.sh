# Sourced by run.sh and test.sh: makes .venv and installs the package into it. Idempotent: a stamp says what is installed already.
# CHAOSBENCH_TORCH=0 leaves torch out. CHAOSBENCH_PYTHON names the Python to use.

set -eu
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd)
cd "$root"

python=${CHAOSBENCH_PYTHON:-}
if [ -z "$python" ]; then
    for candidate in python3.11 python3.12 python3.13 python3; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            python=$candidate
            break
        fi
    done
fi
[ -n "$python" ] || { echo "chaosbench needs Python 3.11 or newer; install it or set CHAOSBENCH_PYTHON" >&2; exit 1; }

install_chaosbench() { # the extras, for example "torch" or "torch,dev"
    extras=$1
    [ "${CHAOSBENCH_TORCH:-1}" = 0 ] && extras=$(printf '%s' "$extras" | sed -e 's/torch,*//')
    target=".${extras:+[$extras]}"
    wanted=$( (printf '%s\n' "$target" "$("$python" -V)" "$root"; cat pyproject.toml constraints.txt) | cksum)
    stamp=.venv/chaosbench-installed
    if [ -x .venv/bin/chaosbench ] && [ -f "$stamp" ] && grep -qxF "$wanted" "$stamp"; then
        return 0
    fi
    echo "installing chaosbench into .venv (once; some minutes) ..." >&2
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable "$target" >&2
    .venv/bin/python -m compileall -q chaosbench # commands start faster, also where Python may not write byte code itself
    printf '%s\n' "$wanted" >>"$stamp"
}
