package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const (
	apiWaitPoll = 100 * time.Millisecond
	apiWaitMost = 2 * time.Minute
)

// waitForAuthentication returns when the API server lets this program read how it
// authenticates requests, the first thing that kube-controller-manager and
// kube-scheduler do with it. They end when it fails, and the kubelet then waits ten
// seconds; on a new cluster the API server starts at the same time as they, and loads
// their roles last. After two minutes the program starts anyway, and says what is wrong.
func waitForAuthentication() {
	file := argument("authentication-kubeconfig")
	if file == "" {
		return
	}
	config, err := clientcmd.BuildConfigFromFlags("", file)
	if err != nil {
		return // the program names the fault
	}
	config.Timeout = 5 * time.Second
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), apiWaitMost)
	defer cancel()
	said := ""
	for ctx.Err() == nil {
		_, err := client.CoreV1().ConfigMaps("kube-system").Get(ctx, "extension-apiserver-authentication", metav1.GetOptions{})
		if err == nil {
			return
		}
		if message := err.Error(); message != said {
			fmt.Fprintln(os.Stderr, "waiting for the API server:", message)
			said = message
		}
		time.Sleep(apiWaitPoll)
	}
}

// argument returns the value of --name=value or --name value on the command line.
func argument(name string) string {
	for i, word := range os.Args[1:] {
		key, value, hasValue := strings.Cut(strings.TrimLeft(word, "-"), "=")
		if key != name || !strings.HasPrefix(word, "-") {
			continue
		}
		if !hasValue && i+2 < len(os.Args) {
			return os.Args[i+2]
		}
		return value
	}
	return ""
}
