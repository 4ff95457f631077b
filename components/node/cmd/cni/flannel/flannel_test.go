package flannel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func subnetFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "subnet.env")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDelegateOfTheDefaultConfiguration(t *testing.T) {
	conf, err := parse([]byte(`{"name":"cbr0","cniVersion":"1.0.0","type":"flannel","delegate":{"hairpinMode":true,"isDefaultGateway":true}}`))
	if err != nil {
		t.Fatal(err)
	}
	env, err := readSubnetEnv(subnetFile(t, "FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(conf.delegate(env))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"cniVersion":"1.0.0","hairpinMode":true,"ipMasq":false,` +
		`"ipam":{"ranges":[[{"subnet":"10.244.3.0/24"}]],"routes":[{"dst":"10.244.0.0/16"}],"type":"host-local"},` +
		`"isDefaultGateway":true,"isGateway":true,"mtu":1450,"name":"cbr0","type":"bridge"}`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDelegateKeepsWhatTheConfigurationSays(t *testing.T) {
	conf, err := parse([]byte(`{"name":"n","delegate":{"mtu":1300,"ipMasq":true,"isGateway":false,"type":"ptp"},"ipam":{"routes":[{"dst":"192.0.2.0/24"}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	d := conf.delegate(&subnetEnv{networks: []string{"10.244.0.0/16", "fd00::/56"}, subnets: []string{"10.244.1.0/24", "fd00:0:0:1::/64"}, mtu: 1450})
	if d["mtu"] != float64(1300) || d["ipMasq"] != true || d["type"] != "ptp" || d["isGateway"] != false {
		t.Errorf("delegate's own values were changed: %v", d)
	}
	ipam := d["ipam"].(map[string]any)
	if len(ipam["ranges"].([][]map[string]string)) != 2 || len(ipam["routes"].([]any)) != 3 {
		t.Errorf("want two ranges and three routes: %v", ipam)
	}
}

func TestBadInput(t *testing.T) {
	for config, want := range map[string]string{
		`{`:                         "network configuration",
		`{"delegate":{"ipam":{}}}`:  "delegate.ipam",
		`{"delegate":{"name":"x"}}`: "delegate.name",
		`{"delegate":{"type":5}}`:   "delegate.type",
	} {
		if _, err := parse([]byte(config)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want an error that names %q", config, err, want)
		}
	}
	for text, want := range map[string]string{
		"FLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n":                                                      "incomplete",
		"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=nonsense\nFLANNEL_MTU=1\nFLANNEL_IPMASQ=true\n": "FLANNEL_SUBNET",
		"FLANNEL_NETWORK=10.244.0.0/16\nFLANNEL_SUBNET=10.244.3.1/24\nFLANNEL_MTU=big\n":               "FLANNEL_MTU",
	} {
		if _, err := readSubnetEnv(subnetFile(t, text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want an error that names %q", text, err, want)
		}
	}
	if _, err := readSubnetEnv("/nonexistent/subnet.env"); err == nil || !strings.Contains(err.Error(), "flanneld") {
		t.Errorf("a missing file does not say who writes it: %v", err)
	}
}
