#!/bin/bash
# Installs what the build needs on a bare Debian 12: Debian packages, the virtual environment, nothing else.
# Idempotent and quick when everything is there. Needs root only when a Debian package is missing.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
while read -r package _; do
    case "$package" in ''|'#'*) continue ;; esac
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ] || missing+=("$package")
done < mk/apt-packages.txt
if [ ${#missing[@]} -gt 0 ]; then
    if [ "$(id -u)" != 0 ]; then
        echo "missing Debian packages: ${missing[*]}; run as root, or: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    echo "installing Debian packages: ${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -q -y --no-install-recommends "${missing[@]}"
fi

python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "$python is older than 3.11; set PYTHON to a newer interpreter" >&2
    exit 1
}
stamp=.venv/stamp-$(sha256sum pyproject.toml | cut -c1-16)
if [ ! -f "$stamp" ]; then
    echo "creating .venv with $("$python" --version)"
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/pip install --quiet --disable-pip-version-check -e '.[dev]'
    rm -f .venv/stamp-*
    touch "$stamp"
fi
# Where a host keeps Python from writing byte code, every command would compile what it imports: half of its time.
.venv/bin/python -m compileall -q src/talos
echo "set up: .venv with $(.venv/bin/python --version)"
