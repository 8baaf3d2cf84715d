package app

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"os/signal"
	"runtime/debug"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

var errBoom = errors.New("boom")

func untilDone(ctx context.Context) error {
	<-ctx.Done()
	return ctx.Err()
}

func TestRunEndsAllWhenOneFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var waited bool
		err := Run(t.Context(),
			func(context.Context) error { time.Sleep(time.Second); return errBoom },
			func(ctx context.Context) error {
				<-ctx.Done()
				time.Sleep(time.Minute)
				waited = true
				return ctx.Err()
			},
		)
		if !errors.Is(err, errBoom) {
			t.Errorf("err = %v, want boom", err)
		}
		if !waited {
			t.Error("Run did not wait for the other part")
		}
	})
}

func TestRunReturnsNilWhenItIsToldToEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if err := Run(ctx, untilDone, untilDone, func(context.Context) error { return nil }); err != nil {
			t.Errorf("err = %v, want nil", err)
		}
	})
}

func TestRunReportsWhatFailsWhileEnding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		err := Run(ctx, untilDone, func(ctx context.Context) error { <-ctx.Done(); return errBoom })
		if !errors.Is(err, errBoom) {
			t.Errorf("err = %v, want boom", err)
		}
	})
}

func TestRunKeepsTheOthersWhenOneIsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ended time.Duration
		begin := time.Now()
		err := Run(t.Context(),
			func(context.Context) error { return nil },
			func(ctx context.Context) error {
				select {
				case <-ctx.Done():
				case <-time.After(time.Hour):
				}
				ended = time.Since(begin)
				return nil
			},
		)
		if err != nil || ended != time.Hour {
			t.Errorf("the other part ended after %v with %v, want an hour and nil", ended, err)
		}
	})
}

func TestRunReportsACancellationNobodyAskedFor(t *testing.T) {
	if err := Run(t.Context(), func(context.Context) error { return context.Canceled }); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v: a part that gave up by itself was taken for one that was told to", err)
	}
}

func TestSignalContextEndsAtSIGTERMAndThenRestoresTheDefault(t *testing.T) {
	if os.Getenv("APP_TEST_CHILD") != "" {
		ctx, stop := SignalContext()
		defer stop()
		_, _ = os.Stdout.WriteString("r")
		<-ctx.Done()
		_, _ = os.Stdout.WriteString("d")
		select {} // only the second signal ends it
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "APP_TEST_CHILD=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, 1)
	for _, want := range "rd" {
		if _, err := out.Read(said); err != nil || said[0] != byte(want) {
			t.Fatalf("the child said %q, %v; want %q", said, err, want)
		}
		// The default is restored just after the context has ended: the second signal is repeated until it counts.
		_ = cmd.Process.Signal(syscall.SIGTERM)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case err := <-ended:
			exit, ok := errors.AsType[*exec.ExitError](err)
			if !ok || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGTERM {
				t.Errorf("the child ended with %v, want the second SIGTERM", err)
			}
			return
		case <-time.After(10 * time.Millisecond):
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
	}
}

func TestSignalContextEndsWithStop(t *testing.T) {
	ctx, stop := SignalContext()
	stop()
	<-ctx.Done()
	if signal.Ignored(syscall.SIGTERM) {
		t.Error("SIGTERM is ignored afterwards")
	}
}

func TestVersionPrefersTheModuleVersion(t *testing.T) {
	setting := func(k, v string) debug.BuildSetting { return debug.BuildSetting{Key: k, Value: v} }
	for want, info := range map[string]debug.BuildInfo{
		"v1.2.3":             {Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{setting("vcs.revision", "0123456789abcdef")}},
		"0123456789ab":       {Main: debug.Module{Version: "(devel)"}, Settings: []debug.BuildSetting{setting("vcs.revision", "0123456789abcdef")}},
		"0123456789ab+dirty": {Settings: []debug.BuildSetting{setting("vcs.revision", "0123456789abcdef"), setting("vcs.modified", "true")}},
		"devel":              {},
	} {
		if got := version(&info); got != want {
			t.Errorf("version = %q, want %q", got, want)
		}
	}
	if Version() == "" {
		t.Error("Version() is empty")
	}
}

func TestSleepEndsWithItsTimeOrItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := Sleep(t.Context(), time.Minute); err != nil || time.Since(start) != time.Minute {
			t.Errorf("err = %v after %v, want nil after a minute", err, time.Since(start))
		}
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(errBoom) })
		start = time.Now()
		if err := Sleep(ctx, time.Minute); !errors.Is(err, errBoom) || time.Since(start) != time.Second {
			t.Errorf("err = %v after %v, want boom after a second", err, time.Since(start))
		}
	})
}
