// Says what volume is in a file, by the code that a release of Talos finds its volumes with: a line
// of JSON for each path. The release is the one of the go.mod it was built with.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/siderolabs/go-blockdevice/v2/blkid"
)

type volume struct {
	Name  string `json:"name"`
	Label string `json:"label"`
	Size  uint64 `json:"size"`
}

func main() {
	answers := json.NewEncoder(os.Stdout)

	for _, path := range os.Args[1:] {
		info, err := blkid.ProbePath(path)
		if err != nil {
			fail(err)
		}

		found := volume{Name: info.Name, Size: info.ProbedSize}
		if info.Label != nil {
			found.Label = *info.Label
		}

		if err := answers.Encode(found); err != nil {
			fail(err)
		}
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
