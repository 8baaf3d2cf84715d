package dirlock_test

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/proxops/proxops/libs/dirlock"
	"github.com/proxops/proxops/libs/fault"
)

func TestAcquireKeepsOthersOutUntilUnlock(t *testing.T) {
	dir := t.TempDir()
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = dirlock.Acquire(dir)
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(err.Error(), fmt.Sprintf("%s is in use by another process (pid %d)", dir, os.Getpid())) {
		t.Errorf("the second: %v", err)
	}
	lock.Unlock()
	lock.Unlock()
	again, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
}

func TestALockEndsWithItsProcess(t *testing.T) {
	if dir := os.Getenv("DIRLOCK_TEST_DIR"); dir != "" {
		if _, err := dirlock.Acquire(dir); err != nil {
			t.Fatal(err)
		}
		fmt.Print("locked")
		select {} // until it is killed
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "DIRLOCK_TEST_DIR="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len("locked"))
	if _, err := out.Read(said); err != nil || string(said) != "locked" {
		t.Fatalf("the child said %q, %v", said, err)
	}
	if _, err := dirlock.Acquire(dir); fault.KindOf(err) != fault.Conflict {
		t.Errorf("while the other lives: %v", err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	lock, err := dirlock.Acquire(dir)
	if err != nil {
		t.Fatalf("after the other was killed: %v", err)
	}
	lock.Unlock()
}

func TestALockOutlivesItsLastReference(t *testing.T) {
	dir := t.TempDir()
	if _, err := dirlock.Acquire(dir); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		runtime.GC()
	}
	if _, err := dirlock.Acquire(dir); fault.KindOf(err) != fault.Conflict {
		t.Errorf("err = %v: the lock was collected as garbage", err)
	}
}

func TestAcquireWantsADirectory(t *testing.T) {
	if _, err := dirlock.Acquire(t.TempDir() + "/missing"); err == nil || fault.KindOf(err) == fault.Conflict {
		t.Errorf("err = %v", err)
	}
}
