#!/bin/sh
# Makes importable packages of the plugin programs in github.com/containernetworking/plugins.
set -eu
cd "$(dirname "$0")"
go mod download github.com/containernetworking/plugins  # `go list` names no folder for what is not there yet
source=$(go list -m -f '{{.Dir}}' github.com/containernetworking/plugins)/plugins
rm -rf gen.new
for plugin in main/bridge main/loopback ipam/host-local meta/portmap meta/firewall; do
    package=$(basename $plugin | tr -d -)
    mkdir -p gen.new/$package
    for file in "$source"/$plugin/*.go; do
        case $file in *_test.go) continue ;; esac
        sed -e "s/^package main\$/package $package/" -e 's/^func main() {$/func Main() {/' "$file" >gen.new/$package/"$(basename "$file")"
    done
done
rm -rf gen
mv gen.new gen
