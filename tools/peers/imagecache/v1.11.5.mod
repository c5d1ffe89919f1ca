module sidero-airgap.example/tools/peers/imagecache

go 1.26.0

require (
	github.com/siderolabs/go-blockdevice/v2 v2.0.19
	github.com/siderolabs/talos v1.11.5
	github.com/siderolabs/talos/pkg/machinery v1.11.5
)

require (
	github.com/google/uuid v1.6.0 // indirect
	github.com/siderolabs/gen v0.8.5 // indirect
	github.com/siderolabs/go-pointer v1.0.1 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.uber.org/zap v1.27.0 // indirect
	golang.org/x/sys v0.35.0 // indirect
	golang.org/x/text v0.28.0 // indirect
)
