package main

import (
	"os"
	"runtime/debug"
	"time"
)

// How much garbage may pile up, in percent of what lives (GOGC). A start makes much
// garbage once: collecting it took a quarter of kube-apiserver's processor time until
// ready. A program that has settled makes little, and what may pile up is what the
// node is charged for. Measured in docs/decisions/0002-one-go-program.md.
const (
	startGCPercent   = 400
	settledGCPercent = 50
	settledAfter     = 30 * time.Second
)

// tuneMemory sets that, unless whoever starts the program chose otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(startGCPercent)
	time.AfterFunc(settledAfter, func() {
		debug.SetGCPercent(settledGCPercent)
		debug.FreeOSMemory()
	})
}
