package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coreos/pkg/flagutil"
	"github.com/flannel-io/flannel/pkg/backend"
	_ "github.com/flannel-io/flannel/pkg/backend/hostgw"
	_ "github.com/flannel-io/flannel/pkg/backend/vxlan"
	"github.com/flannel-io/flannel/pkg/ip"
	"github.com/flannel-io/flannel/pkg/ipmatch"
	"github.com/flannel-io/flannel/pkg/subnet"
	"github.com/flannel-io/flannel/pkg/subnet/kube"
	"github.com/flannel-io/flannel/pkg/trafficmngr"
	"github.com/flannel-io/flannel/pkg/trafficmngr/iptables"
	"github.com/flannel-io/flannel/pkg/trafficmngr/nftables"
	"k8s.io/klog/v2"
)

// flanneld is a main of our own on flannel's packages, because upstream's cannot be
// imported: it links a cloud SDK, an etcd client and backends that need C.
// Flags and the FLANNELD_ environment are upstream's; flags of what is not linked
// (etcd-*) are missing, so that using them fails instead of being ignored.
type flanneld struct {
	kubeSubnetMgr             bool
	kubeAPIURL                string
	kubeAnnotationPrefix      string
	kubeConfigFile            string
	iface                     stringList
	ifaceRegex                stringList
	ifaceCanReach             string
	ipMasq                    bool
	ipMasqRandomFullyDisable  bool
	subnetFile                string
	publicIP                  string
	publicIPv6                string
	healthzIP                 string
	healthzPort               int
	resyncSeconds             int
	forwardRules              bool
	blackholeRoute            bool
	netConfPath               string
	setNodeNetworkUnavailable bool
	version                   bool

	ready atomic.Bool
}

// stringList is a flag that may be given several times.
type stringList []string

func (l *stringList) String() string     { return strings.Join(*l, ",") }
func (l *stringList) Set(v string) error { *l = append(*l, v); return nil }

// flannelVersion is set by the linker.
var flannelVersion = "unknown"

func (f *flanneld) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("flanneld", flag.ExitOnError)
	fs.BoolVar(&f.kubeSubnetMgr, "kube-subnet-mgr", false, "take the subnet from the Kubernetes node object (the only way this build has)")
	fs.StringVar(&f.kubeAPIURL, "kube-api-url", "", "URL of the Kubernetes API; not needed in a pod")
	fs.StringVar(&f.kubeAnnotationPrefix, "kube-annotation-prefix", "flannel.alpha.coreos.com", "prefix of the annotations on nodes")
	fs.StringVar(&f.kubeConfigFile, "kubeconfig-file", "", "kubeconfig; not needed in a pod")
	fs.Var(&f.iface, "iface", "interface (name or address) for traffic between nodes; may be repeated, the first that matches wins")
	fs.Var(&f.ifaceRegex, "iface-regex", "regular expression for that interface; may be repeated, tried after -iface")
	fs.StringVar(&f.ifaceCanReach, "iface-can-reach", "", "take the interface by which this address is reached")
	fs.BoolVar(&f.ipMasq, "ip-masq", false, "masquerade traffic that leaves the pod network")
	fs.BoolVar(&f.ipMasqRandomFullyDisable, "ip-masq-fully-random-disable", false, "masquerade without fully random ports")
	fs.StringVar(&f.subnetFile, "subnet-file", "/run/flannel/subnet.env", "file that the CNI plugin reads")
	fs.StringVar(&f.publicIP, "public-ip", "", "IPv4 address by which other nodes reach this one")
	fs.StringVar(&f.publicIPv6, "public-ipv6", "", "IPv6 address by which other nodes reach this one")
	fs.StringVar(&f.healthzIP, "healthz-ip", "0.0.0.0", "address of the health server")
	fs.IntVar(&f.healthzPort, "healthz-port", 0, "port of the health server; 0: none")
	fs.IntVar(&f.resyncSeconds, "iptables-resync", 5, "seconds between checks of the rules")
	fs.BoolVar(&f.forwardRules, "iptables-forward-rules", true, "accept forwarded traffic of the pod network")
	fs.BoolVar(&f.blackholeRoute, "ip-blackhole-route", false, "add a blackhole route for the node's pod subnet")
	fs.StringVar(&f.netConfPath, "net-config-path", "/etc/kube-flannel/net-conf.json", "network configuration")
	fs.BoolVar(&f.setNodeNetworkUnavailable, "set-node-network-unavailable", true, "clear the node condition NetworkUnavailable when ready")
	fs.BoolVar(&f.version, "version", false, "print the version and exit")

	logging := flag.NewFlagSet("klog", flag.ContinueOnError)
	klog.InitFlags(logging)
	for _, name := range []string{"v", "vmodule", "log_backtrace_at"} {
		fs.Var(logging.Lookup(name).Value, name, logging.Lookup(name).Usage)
	}
	return fs
}

func runFlanneld() int {
	var f flanneld
	fs := f.flags()
	if err := fs.Parse(os.Args[1:]); err != nil {
		return 2
	}
	if f.version {
		fmt.Println(flannelVersion)
		return 0
	}
	if err := flagutil.SetFlagsFromEnv(fs, "FLANNELD"); err != nil {
		klog.Errorf("FLANNELD_ environment: %v", err)
		return 1
	}
	if !f.kubeSubnetMgr {
		klog.Error("this flanneld takes its subnet from Kubernetes only: start it with --kube-subnet-mgr")
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := f.run(ctx); err != nil && ctx.Err() == nil {
		klog.Errorf("flanneld: %v", err)
		return 1
	}
	return 0
}

func (f *flanneld) run(parent context.Context) error {
	ctx, cancel := context.WithCancel(parent)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()

	if f.healthzPort > 0 {
		if err := f.serveHealth(ctx, &wg); err != nil {
			return err
		}
	}
	sm, err := kube.NewSubnetManager(ctx, f.kubeAPIURL, f.kubeConfigFile, f.kubeAnnotationPrefix, f.netConfPath, f.setNodeNetworkUnavailable)
	if err != nil {
		// As upstream: a cache that fills late may still fill.
		if os.Getenv("CONT_WHEN_CACHE_NOT_READY") != "true" || !errors.Is(err, context.DeadlineExceeded) {
			return fmt.Errorf("subnet manager: %w", err)
		}
		klog.Warning("node cache not filled in time, going on without")
	}
	config, err := sm.GetNetworkConfig(ctx)
	if err != nil {
		return fmt.Errorf("network configuration: %w", err)
	}
	if !config.EnableNFTables {
		if _, err := exec.LookPath("iptables"); err != nil {
			klog.Info("no iptables here: nftables is used, whatever EnableNFTables says")
			config.EnableNFTables = true
		}
	}
	external, err := f.externalInterface(ctx, sm, config)
	if err != nil {
		return err
	}
	be, err := backend.NewManager(ctx, sm, external).GetBackend(config.BackendType)
	if err != nil {
		return fmt.Errorf("backend %q: %w (this build carries vxlan and host-gw)", config.BackendType, err)
	}
	network, err := be.RegisterNetwork(ctx, &wg, config)
	for err != nil && strings.Contains(err.Error(), "pod cidr not assigned") && ctx.Err() == nil {
		// A node that has just joined: kube-controller-manager is a moment behind. To end
		// here, as upstream does, costs the kubelet's back-off of ten seconds.
		time.Sleep(200 * time.Millisecond)
		network, err = be.RegisterNetwork(ctx, &wg, config)
	}
	if err != nil {
		return fmt.Errorf("backend %s: %w", config.BackendType, err)
	}
	if err := f.trafficRules(ctx, config, network); err != nil {
		return err
	}
	if f.blackholeRoute {
		wg.Go(func() { f.keepBlackholeRoutes(ctx, config, network) })
	}
	if err := sm.HandleSubnetFile(f.subnetFile, config, f.ipMasq, network.Lease().Subnet, network.Lease().IPv6Subnet, network.MTU()); err != nil {
		return fmt.Errorf("subnet file: %w", err) // without it no pod gets an address
	}
	f.ready.Store(true)
	klog.Infof("wrote %s, flannel is ready", f.subnetFile)
	wg.Go(func() { network.Run(ctx) })
	if err := sm.CompleteLease(ctx, network.Lease(), &wg); err != nil {
		return fmt.Errorf("lease: %w", err)
	}
	wg.Wait() // with Kubernetes as its store a lease is complete at once; the network runs until ctx ends
	return nil
}

// externalInterface finds the interface for traffic between nodes.
func (f *flanneld) externalInterface(ctx context.Context, sm subnet.Manager, config *subnet.Config) (*backend.ExternalInterface, error) {
	stack, err := ipmatch.GetIPFamily(config.EnableIPv4, config.EnableIPv6)
	if err != nil {
		return nil, err
	}
	if stored4, stored6 := sm.GetStoredPublicIP(ctx); stored4 != "" || stored6 != "" {
		if stored4 != "" {
			f.publicIP = stored4
		}
		if stored6 != "" {
			f.publicIPv6 = stored6
		}
	}
	public := ipmatch.PublicIPOpts{PublicIP: f.publicIP, PublicIPv6: f.publicIPv6}
	type query struct{ iface, regex, reach string }
	var queries []query
	for _, name := range f.iface {
		queries = append(queries, query{iface: name})
	}
	for _, regex := range f.ifaceRegex {
		queries = append(queries, query{regex: regex})
	}
	if f.ifaceCanReach != "" {
		queries = append(queries, query{reach: f.ifaceCanReach})
	}
	if len(queries) == 0 {
		address := f.publicIP
		if address == "" {
			address = f.publicIPv6
		}
		queries = append(queries, query{iface: address})
	}
	var failures []error
	for _, q := range queries {
		found, err := ipmatch.LookupExtIface(q.iface, q.regex, q.reach, stack, public)
		if err == nil && found != nil {
			return found, nil
		}
		failures = append(failures, err)
	}
	return nil, fmt.Errorf("no interface for traffic between nodes: %w", errors.Join(failures...))
}

func (f *flanneld) trafficRules(ctx context.Context, config *subnet.Config, network backend.Network) error {
	var rules, other trafficmngr.TrafficManager = &iptables.IPTablesManager{}, &nftables.NFTablesManager{}
	if config.EnableNFTables {
		rules, other = other, rules
	}
	// Rules of the other kind can only be there if its program is.
	program := "iptables"
	if !config.EnableNFTables {
		program = "nft"
	}
	if _, err := exec.LookPath(program); err == nil {
		if err := other.CleanUp(ctx); err != nil {
			return fmt.Errorf("rules of an earlier run: %w", err)
		}
	}
	if err := rules.Init(ctx); err != nil {
		return fmt.Errorf("packet filter: %w", err)
	}
	if f.ipMasq {
		previous := readSubnetFile(f.subnetFile)
		if err := rules.SetupAndEnsureMasqRules(ctx,
			config.Network, ip4Net(previous["FLANNEL_SUBNET"]), ip4Net(previous["FLANNEL_NETWORK"]),
			config.IPv6Network, ip6Net(previous["FLANNEL_IPV6_SUBNET"]), ip6Net(previous["FLANNEL_IPV6_NETWORK"]),
			network.Lease(), f.resyncSeconds, f.ipMasqRandomFullyDisable); err != nil {
			return fmt.Errorf("masquerading: %w", err)
		}
	}
	if f.forwardRules {
		rules.SetupAndEnsureForwardRules(ctx, config.Network, config.IPv6Network, f.resyncSeconds)
	}
	return nil
}

func (f *flanneld) keepBlackholeRoutes(ctx context.Context, config *subnet.Config, network backend.Network) {
	tick := time.NewTicker(time.Duration(f.resyncSeconds) * time.Second)
	defer tick.Stop()
	for {
		if config.EnableIPv4 {
			if err := ip.AddBlackholeV4Route(network.Lease().Subnet.ToIPNet()); err != nil {
				klog.Errorf("blackhole route: %v", err)
			}
		}
		if config.EnableIPv6 {
			if err := ip.AddBlackholeV6Route(network.Lease().IPv6Subnet.ToIPNet()); err != nil {
				klog.Errorf("blackhole route: %v", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (f *flanneld) serveHealth(ctx context.Context, wg *sync.WaitGroup) error {
	mux := http.NewServeMux()
	mux.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "flanneld is running") })
	mux.HandleFunc("/readyz", func(w http.ResponseWriter, _ *http.Request) {
		if !f.ready.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, "flanneld is not ready yet")
			return
		}
		fmt.Fprint(w, "flanneld is ready")
	})
	listener, err := net.Listen("tcp", net.JoinHostPort(f.healthzIP, strconv.Itoa(f.healthzPort)))
	if err != nil {
		return fmt.Errorf("health server: %w", err)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	wg.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			klog.Errorf("health server: %v", err)
		}
	})
	wg.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	return nil
}

// readSubnetFile returns the KEY=value lines of an earlier run's subnet file.
func readSubnetFile(file string) map[string]string {
	values := map[string]string{}
	data, err := os.ReadFile(file)
	if err != nil {
		return values
	}
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			values[key] = strings.Trim(value, `"`)
		}
	}
	return values
}

func ip4Net(cidr string) ip.IP4Net {
	if _, n, err := net.ParseCIDR(cidr); err == nil && n.IP.To4() != nil {
		return ip.FromIPNet(n)
	}
	return ip.IP4Net{}
}

func ip6Net(cidr string) ip.IP6Net {
	if _, n, err := net.ParseCIDR(cidr); err == nil && n.IP.To4() == nil {
		return ip.FromIP6Net(n)
	}
	return ip.IP6Net{IP: (*ip.IP6)(big.NewInt(0))}
}
