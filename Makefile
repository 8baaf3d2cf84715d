# Everything a person runs. `make` alone lists the targets.

MODULES  := proto-events libs services/poller services/projector services/api deploy/allinone
TOOLS    := $(CURDIR)/.bin
PACKAGES := $(addsuffix /...,$(addprefix ./,$(MODULES)))

BUF_VERSION           := v1.75.0
PROTOC_GEN_GO_VERSION := v1.36.12
SQLC_VERSION          := v1.31.1
TEMPL_VERSION         := v0.3.1020
GOLANGCI_VERSION      := v2.15.0
SWAGGER_UI_VERSION    := 5.35.0
REDOC_VERSION         := 2.5.4
TABLER_VERSION        := 1.6.1
HTMX_VERSION          := 2.0.11
AXE_VERSION           := 4.14.1

# The race detector needs a C compiler. Without one the tests run without it, and say so.
CC_FOUND := $(shell command -v $$(go env CC) 2>/dev/null)
RACE     := $(if $(CC_FOUND),-race,)
CGO      := $(if $(CC_FOUND),1,0)

export PATH := $(TOOLS):$(PATH)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## build bin/proxops, the three services and the simulator
	go build -o bin/ ./deploy/allinone/cmd/proxops ./services/poller/cmd/poller ./services/projector/cmd/projector ./services/api/cmd/api ./libs/pvesim/cmd/pvesim

.PHONY: demo
demo: ## build and run the product with simulated clusters on this machine
	@go build -o bin/proxops ./deploy/allinone/cmd/proxops
	@exec bin/proxops demo $(ARGS)

.PHONY: test
test: ## run every test that needs no browser and no other language
	@$(if $(RACE),echo "Tests run with the race detector.",echo "NOTE: no C compiler found, so the tests run WITHOUT the race detector.")
	@go build -o $(TOOLS)/localpg ./libs/localpg/cmd/localpg
	PROXOPS_BROWSER=off CGO_ENABLED=$(CGO) $(TOOLS)/localpg -- go test $(RACE) -timeout 20m $(TESTFLAGS) $(PACKAGES)
	@echo "Left out here, done by .ci/run: the tests in a browser (make browser), lint, proof that generated code is current, fuzz targets beyond their seeds, make demo, the Python clients, Schemathesis."

.PHONY: test-short
test-short: ## run the tests without the race detector
	@go build -o $(TOOLS)/localpg ./libs/localpg/cmd/localpg
	PROXOPS_BROWSER=off $(TOOLS)/localpg -- go test -timeout 15m $(TESTFLAGS) $(PACKAGES)

# The browser is the one that PROXOPS_BROWSER names, or the first of these that is installed. Without one the targets below fail.
BROWSER = $(or $(PROXOPS_BROWSER),$(firstword $(shell command -v chromium chromium-browser google-chrome chrome 2>/dev/null)),chromium)

.PHONY: browser
browser: ## look at the pages in a browser: scenarios, accessibility, narrow screens (needs Chromium)
	@go build -o $(TOOLS)/localpg ./libs/localpg/cmd/localpg
	PROXOPS_BROWSER=$(BROWSER) $(TOOLS)/localpg -- go test -count=1 -timeout 20m $(TESTFLAGS) ./deploy/allinone/browser

.PHONY: screenshots
screenshots: ## take the pictures of the README again (needs Chromium)
	@go build -o $(TOOLS)/localpg ./libs/localpg/cmd/localpg
	PROXOPS_BROWSER=$(BROWSER) PROXOPS_PICTURES=$(CURDIR)/docs/pictures $(TOOLS)/localpg -- go test -count=1 -run='^TestPicturesOfTheReadme$$' ./deploy/allinone/browser

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (default 10s)
	@set -e; for m in $(MODULES); do (cd $$m && for p in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -r -n1 dirname | sort -u); do \
		for f in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' $$p/*_test.go | sed 's/^func //'); do echo "== $$m/$$p $$f"; go test -run='^$$' -fuzz="^$$f\$$" -fuzztime=$(or $(FUZZTIME),10s) $$p; done; done); done

.PHONY: bench
bench: ## print ratios to floors measured in the same run
	cd services/projector && go test -run='^$$' -bench=. -benchtime=1x -timeout 30m ./internal/project ./internal/relay
	cd services/api && go test -run='^$$' -bench='Lists|Pages|Clients' -benchtime=1x -timeout 30m . ./internal/live
	cd deploy/allinone && go test -run='^$$' -bench=SyncNow -benchtime=1x -timeout 30m .

.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/buf ## find bugs and broken boundaries
	cd proto-events && buf lint && buf breaking --against released.binpb
	golangci-lint run $(PACKAGES)
	@if go list -deps ./services/poller/cmd/poller | grep -E '^github.com/jackc/|/libs/postgres'; then echo "the poller must not reach a database driver"; exit 1; fi

.PHONY: fmt
fmt: $(TOOLS)/golangci-lint ## format all Go code
	golangci-lint fmt $(PACKAGES)

.PHONY: generate
generate: $(TOOLS)/buf $(TOOLS)/protoc-gen-go $(TOOLS)/sqlc $(TOOLS)/templ ## make the code of protobuf, sqlc and templ again
	cd proto-events && buf generate
	sqlc generate
	templ generate -path services/api/internal/web -log-level error

.PHONY: verify
verify: generate tidy ## fail if generated code, go.mod or go.sum are not what is committed
	@git diff --exit-code -- '*.pb.go' '*/store/*.go' '*_templ.go' '*go.mod' '*go.sum' go.work || { echo "run make generate tidy and commit"; exit 1; }

# $(1) where to, $(2) package, $(3) version, $(4) files of the package, $(5) what the directory is called. Scripts and styles are kept compressed.
define vendor
	rm -rf $(1)/$(5)-* && mkdir -p $(1)/$(5)-$(3)
	cd $$(mktemp -d) && tar xzf $$(npm pack --silent $(2)@$(3)) && cp $(addprefix package/,$(4)) $(1)/$(5)-$(3)/ && rm -r "$$PWD"
	find $(1)/$(5)-$(3) -name '*.js' -o -name '*.css' | xargs gzip -9n
endef
VIEWER := $(CURDIR)/services/api/internal/viewer/assets
WEB    := $(CURDIR)/services/api/internal/web/assets
AXE    := $(CURDIR)/deploy/allinone/browser/testdata

.PHONY: vendor-viewer
vendor-viewer: ## fetch the files of Swagger UI and ReDoc again (needs npm)
	$(call vendor,$(VIEWER),swagger-ui-dist,$(SWAGGER_UI_VERSION),swagger-ui-bundle.js swagger-ui-bundle.js.LICENSE.txt swagger-ui.css favicon-32x32.png LICENSE NOTICE,swagger-ui-dist)
	$(call vendor,$(VIEWER),redoc,$(REDOC_VERSION),bundles/redoc.standalone.js bundles/redoc.standalone.js.LICENSE.txt LICENSE,redoc)

.PHONY: vendor-web
vendor-web: ## fetch Tabler and htmx for the pages, and axe-core for their tests, again (needs npm)
	$(call vendor,$(WEB),@tabler/core,$(TABLER_VERSION),dist/css/tabler.min.css,tabler)
	$(call vendor,$(WEB),htmx.org,$(HTMX_VERSION),dist/htmx.min.js LICENSE,htmx)
	$(call vendor,$(AXE),axe-core,$(AXE_VERSION),axe.min.js LICENSE LICENSE-3RD-PARTY.txt,axe-core)

.PHONY: proto-release
proto-release: $(TOOLS)/buf ## make the present contract the one that may not be broken
	cd proto-events && buf build -o released.binpb

.PHONY: tidy
tidy: ## bring go.work and every go.mod in line
	go work sync
	@set -e; for m in $(MODULES); do (cd $$m && go mod tidy); done

.PHONY: clean
clean: ## remove what make built
	rm -rf bin .bin

$(TOOLS)/buf:
	GOBIN=$(TOOLS) go install github.com/bufbuild/buf/cmd/buf@$(BUF_VERSION)
$(TOOLS)/protoc-gen-go:
	GOBIN=$(TOOLS) go install google.golang.org/protobuf/cmd/protoc-gen-go@$(PROTOC_GEN_GO_VERSION)
$(TOOLS)/sqlc:
	GOBIN=$(TOOLS) go install github.com/sqlc-dev/sqlc/cmd/sqlc@$(SQLC_VERSION)
$(TOOLS)/templ:
	GOBIN=$(TOOLS) go install github.com/a-h/templ/cmd/templ@$(TEMPL_VERSION)
$(TOOLS)/golangci-lint:
	GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
