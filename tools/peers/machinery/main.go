// Answers what one version of Talos' own machine configuration code says: a line of JSON in, a line
// of JSON out, until the input ends. The version is the one of the go.mod it was built with.
//
// {"do": "generate", "type": "worker", "talos": "v1.11", "kubernetes": "1.34.1"}: the configuration
// that `talosctl gen config` and Cluster API's bootstrap provider make for that release.
//
// {"do": "patch", "config": …, "patches": […]}: the configuration with the patches applied in order,
// each loaded from text as Sidero's metadata server loads a ServerClass's.
//
// {"do": "validate", "config": …}: nothing, or why a machine of metal would refuse to boot with it.
// A configuration is read strictly: an unknown key or kind is an error.
//
// {"do": "list"}: the images, with versions, that the release's constants name.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/config/validation"
	"github.com/siderolabs/talos/pkg/machinery/constants"
)

type request struct {
	Do         string   `json:"do"`
	Type       string   `json:"type"`
	Talos      string   `json:"talos"`
	Kubernetes string   `json:"kubernetes"`
	Config     string   `json:"config"`
	Patches    []string `json:"patches"`
}

type answer struct {
	Config   string   `json:"config"`
	Warnings []string `json:"warnings"`
	Images   []string `json:"images"`
	Error    string   `json:"error"`
}

func main() {
	requests, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)

	for {
		var asked request

		if err := requests.Decode(&asked); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			fail(err)
		}

		said, err := carryOut(asked)
		if err != nil {
			said.Error = err.Error()
		}

		if err := answers.Encode(said); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func carryOut(asked request) (answer, error) {
	switch asked.Do {
	case "generate":
		return generateConfig(asked)
	case "patch":
		return patchConfig(asked)
	case "validate":
		return validateConfig(asked)
	case "list":
		return answer{Images: listImages()}, nil
	default:
		return answer{}, fmt.Errorf("%q is nothing this program does", asked.Do)
	}
}

func generateConfig(asked request) (answer, error) {
	contract, err := config.ParseContractFromVersion(asked.Talos)
	if err != nil {
		return answer{}, err
	}

	machineType, err := machine.ParseType(asked.Type)
	if err != nil {
		return answer{}, err
	}

	input, err := generate.NewInput("site", "https://10.0.0.10:6443", asked.Kubernetes,
		generate.WithVersionContract(contract), generate.WithInstallDisk("/dev/sda"))
	if err != nil {
		return answer{}, err
	}

	made, err := input.Config(machineType)
	if err != nil {
		return answer{}, err
	}

	text, err := made.Bytes()

	return answer{Config: string(text)}, err
}

func patchConfig(asked request) (answer, error) {
	patches := make([]configpatcher.Patch, len(asked.Patches))

	for i, text := range asked.Patches {
		patch, err := configpatcher.LoadPatch([]byte(text))
		if err != nil {
			return answer{}, fmt.Errorf("patch %d does not load: %w", i, err)
		}

		patches[i] = patch
	}

	patched, err := configpatcher.Apply(configpatcher.WithBytes([]byte(asked.Config)), patches)
	if err != nil {
		return answer{}, fmt.Errorf("the patches do not apply: %w", err)
	}

	text, err := patched.Bytes()

	return answer{Config: string(text)}, err
}

func validateConfig(asked request) (answer, error) {
	loaded, err := configloader.NewFromBytes([]byte(asked.Config))
	if err != nil {
		return answer{}, err
	}

	warnings, err := loaded.Validate(metal{}, validation.WithLocal())

	return answer{Warnings: warnings}, err
}

func listImages() []string {
	return []string{
		"ghcr.io/siderolabs/flannel:" + constants.FlannelVersion,
		constants.CoreDNSImage + ":" + constants.DefaultCoreDNSVersion,
		constants.EtcdImage + ":" + constants.DefaultEtcdVersion,
		constants.KubernetesAPIServerImage + ":v" + constants.DefaultKubernetesVersion,
		constants.KubernetesControllerManagerImage + ":v" + constants.DefaultKubernetesVersion,
		constants.KubernetesSchedulerImage + ":v" + constants.DefaultKubernetesVersion,
		constants.KubeProxyImage + ":v" + constants.DefaultKubernetesVersion,
		constants.KubeletImage + ":v" + constants.DefaultKubernetesVersion,
	}
}

// metal is the runtime mode of a server that Sidero boots.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }
