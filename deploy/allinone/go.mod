module github.com/proxops/proxops/deploy/allinone

go 1.26.0

require (
	github.com/proxops/proxops/libs v0.0.0
	github.com/proxops/proxops/proto-events v0.0.0
	github.com/proxops/proxops/services/api v0.0.0
	github.com/proxops/proxops/services/poller v0.0.0
	github.com/proxops/proxops/services/projector v0.0.0
)

require (
	github.com/alecthomas/kong v1.17.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/pgx/v5 v5.12.0 // indirect
	golang.org/x/text v0.43.0 // indirect
)

replace github.com/proxops/proxops/libs => ../../libs

replace github.com/proxops/proxops/proto-events => ../../proto-events

replace github.com/proxops/proxops/services/poller => ../../services/poller

replace github.com/proxops/proxops/services/projector => ../../services/projector

replace github.com/proxops/proxops/services/api => ../../services/api
