package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// compose is what tests read of docker-compose.yml.
type compose struct {
	Services map[string]struct {
		Environment map[string]string `yaml:"environment"`
	} `yaml:"services"`
}

func readCompose(t *testing.T) compose {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.UnmarshalWithOptions(text, &c, yaml.AllowDuplicateMapKey()); err != nil { // it counts what a merge brings
		t.Fatalf("docker-compose.yml: %v", err)
	}
	return c
}

var variable = regexp.MustCompile(`\$\{([A-Z_]+)(?::\?[^}]*)?\}`)

// environment is what docker-compose.yml gives a service, with the values of .env.
func (d *deployment) environment(t *testing.T, service string) map[string]string {
	t.Helper()
	env := map[string]string{}
	for name, value := range d.compose.Services[service].Environment {
		env[name] = variable.ReplaceAllStringFunc(value, func(ref string) string {
			key := variable.FindStringSubmatch(ref)[1]
			given, ok := d.values[key]
			if !ok && key == "PROXOPS_SITE_PUBLIC_KEY" {
				return "later" // as deploy/docker/README.md has it until the poller told its key
			}
			if !ok {
				t.Fatalf("docker-compose.yml, %s: %s is not in .env", service, key)
			}
			return given
		})
		if strings.Contains(env[name], "$") {
			t.Fatalf("docker-compose.yml, %s: %s=%s is not understood", service, name, env[name])
		}
	}
	if len(env) == 0 {
		t.Fatalf("docker-compose.yml says nothing about the environment of %s", service)
	}
	return env
}

// knows fails the test if a service is given a variable that it does not know.
func (d *deployment) knows(t *testing.T, service string, commands ...string) {
	t.Helper()
	var help strings.Builder
	for _, command := range append([]string{""}, commands...) {
		out, err := exec.CommandContext(t.Context(), filepath.Join(d.bin, service), append(strings.Fields(command), "--help")...).Output()
		if err != nil {
			t.Fatalf("%s %s --help: %v", service, command, err)
		}
		help.Write(out)
	}
	for name := range d.compose.Services[service].Environment {
		if !strings.Contains(help.String(), "$"+name) {
			t.Errorf("docker-compose.yml gives %s the variable %s, which it does not know", service, name)
		}
	}
}
