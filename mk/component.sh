#!/bin/bash
# Builds one component: `component.sh node|shim|cni|kubectl|runc|pause`, the upstream tests: `… conformance`,
# or runs the tests of the Go that is ours: `… test`.
#
# Built again only when its sources, go.sum, flags or compiler changed: a stamp beside the output holds their digest.
# Time stamps would rebuild after every checkout. Same flags for everything but runc, so that one build cache serves
# all: the node program compiles the 3,000 packages of which shim, kubectl and the conformance program are parts.
set -euo pipefail
cd "$(dirname "$0")/.."
name=$1
root=$PWD
out=$root/_out/components
. mk/toolchain.sh

case $name in
    pause)    sources=(components/pause/pause.c); target=$out/pause ;;
    runc)     sources=(components/runc); target=$out/runc ;;
    kubectl)  sources=(components/node/cmd/kubectl components/node/go.mod components/node/go.sum); target=$root/_out/bin/kubectl ;;
    shim|cni) sources=(components/node/cmd/"$name" components/node/go.mod components/node/go.sum); target=$out/$name ;;
    conformance) sources=(components/conformance/go.mod components/conformance/go.sum components/conformance/needs.py); target=$root/_out/conformance/e2e.test ;;
    node)     sources=(components/node/*.go components/node/preload components/node/go.mod components/node/go.sum); target=$out/node ;;
    test)     sources=() target= ;;
    *)        echo "component.sh: no component $name" >&2; exit 2 ;;
esac

digest() {
    {
        find "${sources[@]}" -path '*/gen' -prune -o -type f ! -name '*_test.go' -print | LC_ALL=C sort | xargs sha256sum
        sha256sum mk/component.sh
        if [ "$name" = pause ]; then gcc --version; else go version; fi
        [ "$name" != runc ] || { gcc --version; pkg-config --modversion libseccomp; }
    } | sha256sum | cut -d' ' -f1
}
if [ "$name" = test ]; then
    require_go
    components/node/cmd/cni/generate.sh
    # Without vet: it would analyse the 3,000 packages below once more; `go vet` on its own does.
    cd components/node && exec env CGO_ENABLED=0 go test -vet=off -trimpath -gcflags=all=-dwarf=false \
        -tags 'nri_no_wasm no_rdt' ./preload ./cmd/cni/flannel
fi
stamp=$out/.$name.stamp
mkdir -p "$out" "$root/_out/bin" "$(dirname "$target")"
exec 9>"$stamp.lock"
flock 9 # a second make in the same checkout waits, and then finds nothing to do
[ "$name" = pause ] || require_go
wanted=$(digest)
if [ -x "$target" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
    echo "$name: unchanged ($(du -h --apparent-size "$target" | cut -f1))"
    exit 0
fi
rm -f "$stamp"

version_of() { (cd "$root/components/${2:-node}" && go list -m -f '{{.Version}}' "$1"); }

# The day of a release, out of the module proxy's answer: a build date that every build agrees on.
released() { (cd "$root/components/node" && go mod download -json "$1@$2" | sed -n 's/.*"Info": "\(.*\)",/\1/p' | xargs sed -n 's/.*"Time":"\([^"]*\)".*/\1/p'); }

node_flags() {
    local kubernetes minor package etcd=go.etcd.io/etcd/api/v3/version containerd=github.com/containerd/containerd/v2/version
    kubernetes=$(version_of k8s.io/kubernetes)
    minor=${kubernetes#v1.}
    minor=${minor%%.*}
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        echo "-X $package.gitVersion=$kubernetes -X $package.gitMajor=1 -X $package.gitMinor=$minor"
        echo "-X $package.gitTreeState=clean -X $package.gitCommit= -X $package.buildDate=$(released k8s.io/kubernetes "$kubernetes")"
    done
    echo "-X $containerd.Version=$(version_of github.com/containerd/containerd/v2) -X $containerd.Revision="
    echo "-X $etcd.GitSHA=$(version_of go.etcd.io/etcd/server/v3)"
    echo "-X main.flannelVersion=$(version_of github.com/flannel-io/flannel)"
    echo "-X github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=$(version_of github.com/containernetworking/plugins)"
}

# -dwarf=false: the linker drops debug information anyway; not making it saves an eighth of the time and a quarter of
# the cache. Tags leave out what no node can use: a WebAssembly runtime (for NRI plugins), Intel's cache allocation.
# The one line of upstream's that is not built as it is: flanneld looks whether its cache is filled once a second, and a
# node's pods wait for it. A copy of its module, changed, stands in for it (-overlay refuses files of the module cache);
# its path is relative, because the program records it.
patched_flannel() {
    local original file=pkg/subnet/kube/kube.go copy=_out/components/.flannel
    original=$(cd components/node && go mod download -json "github.com/flannel-io/flannel@$(version_of github.com/flannel-io/flannel)" |
        sed -n 's/.*"Dir": "\(.*\)",/\1/p')
    rm -rf "$copy"
    mkdir -p "$copy"
    (cd "$original" && cp -r --no-preserve=mode --parents go.mod pkg "$root/$copy")
    sed -i 's/PollUntilContextTimeout(ctx, time.Second, nodeControllerSyncTimeout,/PollUntilContextTimeout(ctx, 20*time.Millisecond, nodeControllerSyncTimeout,/' "$copy/$file"
    if cmp -s "$original/$file" "$copy/$file"; then
        echo "flannel's $file no longer has the line that mk/component.sh changes" >&2
        return 1
    fi
    { cat components/node/go.mod; echo "replace github.com/flannel-io/flannel => ../../$copy"; } >"$copy.mod"
    cp components/node/go.sum "$copy.sum"
}

export CGO_ENABLED=0
flags=(-trimpath -gcflags=all=-dwarf=false -tags 'nri_no_wasm no_rdt')
build() { # package
    (cd components/node && go build -v "${flags[@]}" -ldflags "-s -w -buildid= $(node_flags | tr '\n' ' ')" -o "$target" "$1")
}

began=$SECONDS
case $name in
    pause)
        gcc -Os -Wall -Wextra -Werror -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables \
            -static -nostdlib -no-pie -Wl,--build-id=none -Wl,-z,noseparate-code -Wl,-z,norelro -s \
            -o "$target" components/pause/pause.c
        ;;
    runc)
        # The one program that needs C: its nsexec runs before Go's runtime. Static, so that the image needs no
        # libseccomp; netgo and osusergo, so that the static C library's resolver is not linked.
        (cd components/runc && CGO_ENABLED=1 go build -v -trimpath -tags 'seccomp netgo osusergo urfave_cli_no_docs' \
            -ldflags "-s -w -buildid= -X main.version=$(version_of github.com/opencontainers/runc runc | tr -d v) -linkmode external -extldflags '-static -Wl,--build-id=none'" \
            -o "$target" github.com/opencontainers/runc)
        ;;
    cni)
        components/node/cmd/cni/generate.sh
        build ./cmd/cni
        ;;
    shim|kubectl) build "./cmd/$name" ;;
    node)
        patched_flannel
        flags+=(-modfile "$out/.flannel.mod")
        build .
        ;;
    conformance)
        (cd components/conformance &&
            python3 needs.py "$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)" >"$root/_out/conformance/needs.json" &&
            go build "${flags[@]}" -ldflags '-s -w -buildid=' -o "$root/_out/conformance/" \
                k8s.io/kubernetes/test/images/agnhost github.com/onsi/ginkgo/v2/ginkgo &&
            go test -c "${flags[@]}" -ldflags "-s -w -buildid= $(node_flags | tr '\n' ' ')" -o "$target" k8s.io/kubernetes/test/e2e)
        ;;
esac
echo "$wanted" >"$stamp"
echo "$name: built in $((SECONDS - began)) s ($(du -h --apparent-size "$target" | cut -f1))"
