package main

import (
	"context"
	_ "time/tzdata" // CronJob time zones; the root carries no zoneinfo

	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/logs/json/register"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func runAPIServer() int { return cli.Run(apiserver.NewAPIServerCommand()) }
func runProxy() int     { return cli.Run(proxy.NewProxyCommand()) }
func runKubelet() int   { return cli.Run(kubelet.NewKubeletCommand(context.Background())) }

func runControllerManager() int {
	waitForAuthentication()
	return cli.Run(controllermanager.NewControllerManagerCommand())
}

func runScheduler() int {
	waitForAuthentication()
	return cli.Run(scheduler.NewSchedulerCommand())
}
