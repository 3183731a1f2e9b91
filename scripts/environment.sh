# What scripts/demo, scripts/test and scripts/check share: the virtual environment and packages of the system.
# Sourced by bash, from the top of the repository. RVGDB_VENV names another place for the environment than .venv.

venv=${RVGDB_VENV:-.venv}

say() { printf '%s\n' "$*" >&2; }

# install_system PACKAGE...: through apt as root; otherwise says what to run, and fails.
install_system() {
    if ! command -v apt-get >/dev/null; then
        say "$0: this system has no apt-get; install what Debian calls: $*"
        return 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        say "$0: some packages of the system are missing. Install them with:"
        say "    sudo apt-get update && sudo apt-get install --no-install-recommends $*"
        say "and run this again."
        return 1
    fi
    say "installing $* ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# find_python: sets $python to an interpreter that is new enough.
find_python() {
    for python in python3 python3.13 python3.12 python3.11; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            return 0
        fi
    done
    install_system python3 python3-venv && python=python3
    "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        { say "$0: needs Python 3.11 or newer"; return 1; }
}

# make_environment [EXTRAS]: the virtual environment with this project and, for example, `test,dev`.
# Does nothing when that, or more, has been done for this pyproject.toml and this folder.
make_environment() {
    local extras=${1:-} stamp want python
    want="$(pwd) $(cksum < pyproject.toml)"
    for stamp in "$venv"/installed-"$extras"*; do
        if [ -x "$venv/bin/python" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$want" ]; then
            return 0
        fi
    done
    find_python
    if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say "making the virtual environment $venv ..."
        # Debian packs ensurepip apart, and a build without it leaves half an environment behind.
        "$python" -c 'import ensurepip' 2>/dev/null || install_system python3-venv
        rm -rf "$venv"
        "$python" -m venv "$venv"
    fi
    say "installing rvgdb${extras:+ with its extras $extras} into $venv ..."
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check --editable ".${extras:+[$extras]}"
    # An editable package is not compiled by pip; without this, a read-only or no-bytecode user compiles it at every start.
    "$venv/bin/python" -m compileall -q emulator protocol rvgdb
    printf '%s\n' "$want" > "$venv/installed-$extras"
}
