package shell_test

import (
	"os/exec"
	"testing"

	"github.com/proxops/proxops/libs/shell"
)

func TestAShellTakesWhatIsQuotedForOneWord(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "proxops@pve", "proxops@pve!reader", "a b", "it's", "'", "$(id)", "`id`", `\`, `"`, "a;b|c&d>e", "-n", "*", "~", "a\nb", "ü"} {
		out, err := exec.CommandContext(t.Context(), "sh", "-c", "printf '%s|' "+shell.Quote(text)).Output()
		if err != nil || string(out) != text+"|" {
			t.Errorf("%q became %q, %v", text, out, err)
		}
	}
	for _, text := range []string{"/vms/205", "proxops@pve", "a.b-c_d"} {
		if got := shell.Quote(text); got != text {
			t.Errorf("%q became %q for no reason", text, got)
		}
	}
}
