module sidero-airgap.example/tools/peers/imagecache

go 1.26.0

require (
	// v1.12.11's; what v1.12.6 itself asks for cannot be had from the module proxy.
	github.com/siderolabs/go-blockdevice/v2 v2.0.30
	github.com/siderolabs/talos v1.12.6
	github.com/siderolabs/talos/pkg/machinery v1.12.6
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/siderolabs/gen v0.8.6 // indirect
	github.com/siderolabs/go-pointer v1.0.1 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.27.1 // indirect
	golang.org/x/sys v0.42.0 // indirect
	golang.org/x/text v0.34.0 // indirect
)
