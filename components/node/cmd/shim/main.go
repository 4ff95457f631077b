// Command shim is containerd-shim-runc-v2, upstream's, with its plugins.
//
// It is not part of the node program: one shim runs per pod, and its memory is
// private to it, so what it does not link is saved once per pod.
package main

import (
	"context"

	"github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/manager"
	_ "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2/task/plugin"
	"github.com/containerd/containerd/v2/pkg/shim"
)

func main() {
	shim.RunShim(context.Background(), manager.NewShimManager("io.containerd.runc.v2"))
}
