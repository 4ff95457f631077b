// Command cni is every CNI plugin of a node in one file: argv[0] decides which one runs.
//
// The plugins of containernetworking are programs, not packages: generate.sh copies
// their sources out of the module cache and makes each main package one that can be
// imported. Five programs apart are ten times the size.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"talos/components/node/cmd/cni/flannel"
	"talos/components/node/cmd/cni/gen/bridge"
	"talos/components/node/cmd/cni/gen/firewall"
	"talos/components/node/cmd/cni/gen/hostlocal"
	"talos/components/node/cmd/cni/gen/loopback"
	"talos/components/node/cmd/cni/gen/portmap"
)

func main() {
	plugins := map[string]func(){
		"bridge":     bridge.Main,
		"firewall":   firewall.Main,
		"flannel":    flannel.Main,
		"host-local": hostlocal.Main,
		"loopback":   loopback.Main,
		"portmap":    portmap.Main,
	}
	name := filepath.Base(os.Args[0])
	run, ok := plugins[name]
	if !ok {
		fmt.Fprintf(os.Stderr, "%s: no such CNI plugin; start this file as bridge, firewall, flannel, host-local, loopback or portmap\n", name)
		os.Exit(127)
	}
	run()
}
