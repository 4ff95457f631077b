// Package flannel is the CNI plugin "flannel": it completes a bridge configuration with
// the subnet that flanneld wrote, and lets the bridge plugin do the work.
//
// Written anew, because the upstream plugin's module is not served by the Go module
// proxy. Configuration, file names and precedence are upstream's
// (flannel-io/cni-plugin): what "delegate" says wins over what the subnet file says.
package flannel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/containernetworking/plugins/pkg/utils/buildversion"
)

type netConf struct {
	types.NetConf

	IPAM          map[string]any `json:"ipam,omitempty"`
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig,omitempty"`
}

func parse(data []byte) (*netConf, error) {
	conf := &netConf{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	if err := json.Unmarshal(data, conf); err != nil {
		return nil, fmt.Errorf("network configuration: %w", err)
	}
	if conf.Delegate == nil {
		conf.Delegate = map[string]any{}
	}
	for _, key := range []string{"type", "name"} {
		if value, ok := conf.Delegate[key]; ok {
			if _, isString := value.(string); !isString || key == "name" {
				return nil, fmt.Errorf("delegate.%s: %v is not allowed here", key, value)
			}
		}
	}
	if _, ok := conf.Delegate["ipam"]; ok {
		return nil, errors.New("delegate.ipam is not allowed: flannel sets it; use the plugin's own ipam")
	}
	return conf, nil
}

// subnetEnv is what flanneld writes.
type subnetEnv struct {
	networks []string // of the whole cluster
	subnets  []string // of this node
	mtu      int
	ipMasq   bool
}

func readSubnetEnv(file string) (*subnetEnv, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s is not there yet: flanneld on this node has not got its subnet", file)
	}
	if err != nil {
		return nil, err
	}
	env, missing := &subnetEnv{}, map[string]bool{"FLANNEL_MTU": true, "FLANNEL_IPMASQ": true}
	for line := range strings.Lines(string(data)) {
		key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			continue
		}
		delete(missing, key)
		switch key {
		case "FLANNEL_NETWORK", "FLANNEL_IPV6_NETWORK":
			env.networks = append(env.networks, strings.Split(value, ",")...)
		case "FLANNEL_SUBNET", "FLANNEL_IPV6_SUBNET":
			// flanneld writes the address of the bridge, host-local wants the network.
			_, subnet, err := net.ParseCIDR(value)
			if err != nil {
				return nil, fmt.Errorf("%s: %s: %w", file, key, err)
			}
			env.subnets = append(env.subnets, subnet.String())
		case "FLANNEL_MTU":
			if env.mtu, err = strconv.Atoi(value); err != nil {
				return nil, fmt.Errorf("%s: FLANNEL_MTU: %w", file, err)
			}
		case "FLANNEL_IPMASQ":
			env.ipMasq = value == "true"
		}
	}
	if len(env.subnets) == 0 || len(env.networks) == 0 || len(missing) > 0 {
		return nil, fmt.Errorf("%s is incomplete: it needs a network, a subnet, FLANNEL_MTU and FLANNEL_IPMASQ", file)
	}
	return env, nil
}

// delegate returns the configuration for the plugin that does the work.
func (c *netConf) delegate(env *subnetEnv) map[string]any {
	d := c.Delegate
	setDefault := func(key string, value any) {
		if _, ok := d[key]; !ok {
			d[key] = value
		}
	}
	setDefault("type", "bridge")
	setDefault("ipMasq", !env.ipMasq) // one of the two masquerades
	setDefault("mtu", env.mtu)
	if d["type"] == "bridge" {
		setDefault("isGateway", true)
	}
	d["name"] = c.Name
	if c.CNIVersion != "" {
		d["cniVersion"] = c.CNIVersion
	}
	if c.RuntimeConfig != nil {
		d["runtimeConfig"] = c.RuntimeConfig
	}
	ipam := c.IPAM
	if ipam == nil {
		ipam = map[string]any{}
	}
	if _, ok := ipam["type"]; !ok {
		ipam["type"] = "host-local"
	}
	var ranges [][]map[string]string
	for _, subnet := range env.subnets {
		ranges = append(ranges, []map[string]string{{"subnet": subnet}})
	}
	ipam["ranges"] = ranges
	routes, _ := ipam["routes"].([]any)
	for _, network := range env.networks {
		routes = append(routes, map[string]any{"dst": network})
	}
	ipam["routes"] = routes
	d["ipam"] = ipam
	return d
}

func cmdAdd(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	waitFor(conf.SubnetFile)
	env, err := readSubnetEnv(conf.SubnetFile)
	if err != nil {
		return err
	}
	data, err := json.Marshal(conf.delegate(env))
	if err != nil {
		return err
	}
	// Kept for DEL: the subnet may have changed or gone by then.
	if err := os.MkdirAll(conf.DataDir, 0o700); err != nil {
		return err
	}
	if err := writeFile(filepath.Join(conf.DataDir, args.ContainerID), data); err != nil {
		return err
	}
	result, err := invoke.DelegateAdd(context.Background(), conf.Delegate["type"].(string), data, nil)
	if err != nil {
		return fmt.Errorf("delegate: %w", err)
	}
	return types.PrintResult(result, conf.CNIVersion)
}

// waitFor returns when file is there, or after some seconds. On a node's first start the
// configuration of this plugin is a moment older than flanneld's subnet, and the kubelet
// tries a failed pod again only after ten seconds.
func waitFor(file string) {
	for range 150 {
		if _, err := os.Stat(file); err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// writeFile replaces a file in one step: a cut-off write must not leave half a
// configuration that DEL then fails on.
func writeFile(file string, data []byte) error {
	if err := os.WriteFile(file+".new", data, 0o600); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

func cmdDel(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	file := filepath.Join(conf.DataDir, args.ContainerID)
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // DEL may come twice (CNI specification)
	}
	if err != nil {
		return err
	}
	var saved types.NetConf
	if err := json.Unmarshal(data, &saved); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if err := invoke.DelegateDel(context.Background(), saved.Type, data, nil); err != nil {
		return fmt.Errorf("delegate: %w", err)
	}
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func cmdCheck(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	data, err := os.ReadFile(filepath.Join(conf.DataDir, args.ContainerID))
	if err != nil {
		return fmt.Errorf("container %s was not added: %w", args.ContainerID, err)
	}
	var delegate map[string]any
	if err := json.Unmarshal(data, &delegate); err != nil {
		return err
	}
	var given struct {
		PrevResult map[string]any `json:"prevResult"`
	}
	if err := json.Unmarshal(args.StdinData, &given); err != nil {
		return err
	}
	if given.PrevResult != nil {
		delegate["prevResult"] = given.PrevResult
	}
	if data, err = json.Marshal(delegate); err != nil {
		return err
	}
	kind, _ := delegate["type"].(string)
	return invoke.DelegateCheck(context.Background(), kind, data, nil)
}

// cmdStatus says whether ADD would work (CNI 1.1).
func cmdStatus(args *skel.CmdArgs) error {
	conf, err := parse(args.StdinData)
	if err != nil {
		return err
	}
	if _, err := readSubnetEnv(conf.SubnetFile); err != nil {
		return types.NewError(50, "the plugin cannot serve ADD requests yet", err.Error())
	}
	return nil
}

// Main runs the plugin.
func Main() {
	skel.PluginMainFuncs(skel.CNIFuncs{Add: cmdAdd, Check: cmdCheck, Del: cmdDel, Status: cmdStatus},
		version.All, buildversion.BuildString("flannel"))
}
