// Pins the sources of the Pulumi CLI that tools/engine.py builds where no official one can be had.
module sidero-airgap/pulumi-cli

go 1.25.11

require github.com/pulumi/pulumi/pkg/v3 v3.250.0
