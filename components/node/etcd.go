package main

import (
	"flag"
	"fmt"
	"os"
	"strings"

	"go.etcd.io/etcd/etcdutl/v3/snapshot"
	"go.etcd.io/etcd/server/v3/etcdmain"
	"go.uber.org/zap"
)

// runEtcd runs etcd, or with the word `restore` in front what makes its data folder out
// of a snapshot. A word and not a further name of this file: etcd has such words itself
// (gateway, grpc-proxy), and every name is one more thing that may be executed on a node.
func runEtcd() int {
	if len(os.Args) > 1 && os.Args[1] == "restore" {
		return runRestore(os.Args[2:])
	}
	etcdmain.Main(os.Args)
	return 0
}

func runRestore(arguments []string) int {
	flags := flag.NewFlagSet("etcd restore", flag.ContinueOnError)
	config := snapshot.RestoreConfig{InitialClusterToken: "etcd-cluster"} // etcd's own default
	var peers string
	flags.StringVar(&config.SnapshotPath, "snapshot", "", "file to restore")
	flags.StringVar(&config.OutputDataDir, "data-dir", "", "folder to write, absent or empty")
	flags.StringVar(&config.Name, "name", "", "name of the member, the only one of its cluster")
	flags.StringVar(&peers, "initial-advertise-peer-urls", "", "its peer URLs, with commas")
	flags.BoolVar(&config.SkipHashCheck, "skip-hash-check", false, "accept a file without a hash at its end")
	if err := flags.Parse(arguments); err != nil {
		return 2
	}
	config.PeerURLs = strings.Split(peers, ",")
	members := make([]string, len(config.PeerURLs))
	for i, url := range config.PeerURLs {
		members[i] = config.Name + "=" + url
	}
	config.InitialCluster = strings.Join(members, ",")
	logger, err := zap.NewProduction()
	if err == nil {
		err = snapshot.NewV3(logger).Restore(config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "etcd restore:", err)
		return 1
	}
	return 0
}
