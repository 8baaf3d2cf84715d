module github.com/proxops/proxops/deploy/allinone

go 1.26.0

require (
	github.com/proxops/proxops/libs v0.0.0
	github.com/proxops/proxops/proto-events v0.0.0
	github.com/proxops/proxops/services/api v0.0.0
	github.com/proxops/proxops/services/poller v0.0.0
	github.com/proxops/proxops/services/projector v0.0.0
)

replace github.com/proxops/proxops/libs => ../../libs

replace github.com/proxops/proxops/proto-events => ../../proto-events

replace github.com/proxops/proxops/services/poller => ../../services/poller

replace github.com/proxops/proxops/services/projector => ../../services/projector

replace github.com/proxops/proxops/services/api => ../../services/api
