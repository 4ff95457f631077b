// Command node is every Go program of a node in one file: argv[0] decides which one runs.
//
// One program instead of nine, because they share most of their code: see
// docs/decisions/0002-one-go-program.md for what it saves and what it costs.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// programs maps the base name of argv[0] to the function that runs that program.
// Each one ends the process itself or returns its exit status.
var programs = map[string]func() int{
	"containerd":              runContainerd,
	"coredns":                 runCoreDNS,
	"etcd":                    runEtcd,
	"flanneld":                runFlanneld,
	"kube-apiserver":          runAPIServer,
	"kube-controller-manager": runControllerManager,
	"kube-proxy":              runProxy,
	"kube-scheduler":          runScheduler,
	"kubelet":                 runKubelet,
}

func main() {
	name := filepath.Base(os.Args[0])
	run, ok := programs[name]
	if !ok {
		names := make([]string, 0, len(programs))
		for n := range programs {
			names = append(names, n)
		}
		slices.Sort(names)
		fmt.Fprintf(os.Stderr, "%s: no such program; start this file under one of the names %s\n", name, strings.Join(names, ", "))
		os.Exit(127)
	}
	tuneMemory()
	os.Exit(run())
}
