package localpg

import (
	"fmt"
	"os"
	"runtime"

	"github.com/proxops/proxops/libs/fault"
)

// version of the binaries that zonky.io builds from PostgreSQL's sources and publishes on Maven Central.
const version = "17.11.0"

// major is what a data directory says in its file PG_VERSION. Data of another major version cannot be used.
const major = "17"

// digests are the SHA-256 of the archives of that version: what we run is what we looked at, whoever serves it.
var digests = map[string]string{
	"linux-amd64":        "0dd7b72b6f335b8ecfb355fa24c5781e8a93edd09880bb77eb52ebbf29b3e96d",
	"linux-amd64-alpine": "ace9a6f95b1c98ce84c9841267cd04ebee5d7de5dc7b8fea148ead44f145afbd",
	"linux-arm64v8":      "8b042e0ea418b1927d95399207950da0734d27fe01e29503ade3bdc464ad4c2b",
	"darwin-amd64":       "d464ff178e9860ba204662ac23fa547504b7fd392392ff2fb92e3fd73b5bdb64",
	"darwin-arm64v8":     "a1c2786acb0c398f9b2d76806fc52f5dc8b222cbc8e9383a9b9702084daaf3a5",
}

// release is one archive of binaries.
type release struct{ platform, digest string }

// current returns the release for this machine.
func current() (release, error) {
	platform := runtime.GOOS + "-" + runtime.GOARCH
	if runtime.GOARCH == "arm64" {
		platform += "v8"
	}
	if _, err := os.Stat("/etc/alpine-release"); err == nil {
		platform += "-alpine" // musl instead of glibc
	}
	digest, ok := digests[platform]
	if !ok {
		return release{}, fault.New(fault.Unavailable, "no PostgreSQL binaries are published for %s: give a database with --database-url", platform)
	}
	return release{platform, digest}, nil
}

// url of the archive below a Maven repository.
func (r release) url(repository string) string {
	name := "embedded-postgres-binaries-" + r.platform
	return fmt.Sprintf("%s/io/zonky/test/postgres/%s/%s/%s-%s.jar", repository, name, version, name, version)
}
