package timer

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/proxops/proxops/libs/localnats"
	"github.com/proxops/proxops/libs/natstest"
	"github.com/proxops/proxops/libs/pgtest"
)

// All that NATS stores may be deleted: a timer that is reconnected writes its messages again, and they fire.
func TestTimersComeBackWhenTheStorageOfNATSIsGone(t *testing.T) {
	t.Parallel()
	pool := pgtest.New(t)
	config := localnats.Config{StoreDir: t.TempDir(), Unsynced: true}
	server, err := localnats.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	config.Port = server.Port()
	b := natstest.Join(t, server, localnats.Projector)
	schedules(t, pool, time.Now(), 1)
	run(t, &Timer{Pool: pool, Bus: b})
	has := func() error {
		got, err := timers(t, b)
		if err == nil && len(got) != 1 {
			err = fmt.Errorf("timers are %v", got)
		}
		return err
	}
	eventually(t, "timer", has)
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(config.StoreDir, "jetstream")); err != nil {
		t.Fatal(err)
	}
	due := time.Now().Add(4 * time.Second)
	exec(t, pool, `UPDATE sync_schedules SET next_run = $1`, due)
	if server, err = localnats.Start(t.Context(), config); err != nil {
		t.Fatal(err)
	}
	eventually(t, "timer after the storage is gone", has)
	begun(t, pool, 1, 1)
	if late := time.Since(due); late < 0 || late > 10*time.Second {
		t.Errorf("the job began %s after its time", late)
	}
}
