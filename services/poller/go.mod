module github.com/proxops/proxops/services/poller

go 1.26.0

require (
	github.com/proxops/proxops/libs v0.0.0
	github.com/proxops/proxops/proto-events v0.0.0
)

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/buger/goterm v1.0.4 // indirect
	github.com/diskfs/go-diskfs v1.9.3 // indirect
	github.com/djherbis/times v1.6.0 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/gorilla/websocket v1.4.2 // indirect
	github.com/jinzhu/copier v0.3.4 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/luthermonson/go-proxmox v0.8.0 // indirect
	github.com/magefile/mage v1.14.0 // indirect
	github.com/nats-io/nats.go v1.55.0 // indirect
	github.com/nats-io/nkeys v0.4.17 // indirect
	github.com/nats-io/nuid v1.0.1 // indirect
	github.com/prometheus/client_golang v1.25.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/crypto v0.58.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/proxops/proxops/libs => ../../libs

replace github.com/proxops/proxops/proto-events => ../../proto-events
