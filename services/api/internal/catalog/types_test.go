package catalog

import (
	"testing"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

func TestEveryTypeHasWords(t *testing.T) {
	t.Parallel()
	words := typeWords{}
	words.add(&resource.Resource{Type: change.BackupRoutine, Verbose: "Backup Routine"})
	for of, want := range map[change.ObjectType]string{
		change.BackupRoutine: "Proxbox | backup routine", change.Job: "Core | job", change.SyncSchedule: "Proxbox | syncschedule", 99: "object of type 99", 0: "object of type 0",
	} {
		if got := words.of(of); got != want {
			t.Errorf("type %d is %q, want %q", of, got, want)
		}
	}
}
