#!/bin/sh
# Installs the project into .venv from a hash-pinned lock: `sh infra/install.sh run` for what serves, `dev` for the
# tests as well. A second run finds its stamp and does nothing; an install that was broken off is started afresh.
set -eu
cd "$(dirname "$0")/.."
kind=${1:-dev}
case $kind in
run) lock=requirements.lock ;;
dev) lock=requirements-dev.lock ;;
*)
    echo "install: '$kind' is neither run nor dev" >&2
    exit 2
    ;;
esac
venv=.venv
log=$venv/install.log

say() { printf '%s\n' "$*" >&2; }

# What an install depends on: the lock, the project's own metadata and the place (an editable install is tied to it).
state() { { cat "$1" infra/install.sh; sed '/^\[tool.ruff\]/,$d' pyproject.toml; pwd -P; } | cksum; }

current() { [ -f "$venv/.stamp-$1" ] && [ "$(cat "$venv/.stamp-$1")" = "$(state "$2")" ]; }

# The larger lock holds the smaller one, version for version, so a current development install serves as well.
done_already() {
    [ ! -e "$venv/.unfinished" ] && [ -x "$venv/bin/python" ] && "$venv/bin/python" -c '' 2>/dev/null || return 1
    current "$kind" "$lock" || { [ "$kind" = run ] && current dev requirements-dev.lock; }
}

# Two at once (`make up` here, `make test` there): the second waits for the first and finds its work done.
alone() {
    waited=
    until mkdir "$venv.lock" 2>/dev/null; do
        # The first may be between the folder and its number: a number that is missing for two seconds never comes.
        other=$(cat "$venv.lock/pid" 2>/dev/null || { sleep 2; cat "$venv.lock/pid" 2>/dev/null; } || true)
        if [ -z "$other" ] || ! kill -0 "$other" 2>/dev/null; then
            rm -rf "$venv.lock"
            continue
        fi
        [ -n "$waited" ] || say "Process $other is installing into $venv already; waiting for it."
        waited=1
        sleep 1
    done
    trap 'rm -rf "$venv.lock"' EXIT
    trap 'exit 130' INT TERM HUP
    echo $$ >"$venv.lock/pid"
}

if done_already; then exit 0; fi
alone
if done_already; then exit 0; fi

pick_python() {
    for name in ${PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    say "ChatSmart needs Python 3.11 or newer, and none was found (looked for python3, python3.13 … python3.11)."
    say "Install it, or name one: make install PYTHON=/path/to/python3"
    exit 1
}

fail() {
    say "Installing failed while $1. The last lines of $log:"
    grep -v '^WARNING: Location ' "$log" | tail -n 12 >&2 || true
    say "Check that the package index answers (pip's own settings choose it), then run the same command again."
    exit 1
}

[ ! -e "$venv/.unfinished" ] || rm -rf "$venv"
if ! { [ -x "$venv/bin/python" ] && "$venv/bin/python" -c 'import pip' 2>/dev/null; }; then
    python=$(pick_python)
    rm -rf "$venv"
    mkdir "$venv"
    : >"$venv/.unfinished"
    if ! made=$("$python" -m venv "$venv" 2>&1); then
        rm -rf "$venv"
        say "$made"
        say "Python's venv module did not work; on Debian and Ubuntu: apt install python3-venv. Then run this again."
        exit 1
    fi
fi

: >"$venv/.unfinished"
count=$(grep -c '^[A-Za-z0-9]' "$lock")
say "Installing $count packages from $lock into $venv, each checked by its hash; the first time takes a minute or two."
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1; }
: >"$log"
# The lock is complete; what it leaves out (see [tool.uv] in pyproject.toml) is left out on purpose.
pip install --no-deps --require-hashes -r "$lock" || fail "fetching the packages"
# The build backend is in the lock: nothing is fetched for this step, and no dependency is resolved anew.
pip install --no-deps --no-build-isolation --no-index -e . || fail "installing the project itself"
state "$lock" >"$venv/.stamp-$kind"
rm -f "$venv/.unfinished"
