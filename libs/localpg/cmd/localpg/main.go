// Command localpg runs a command with a disposable PostgreSQL at hand: "localpg -- go test ./..." starts a server, sets
// TEST_DATABASE_URL to its address, runs the command and ends with its exit code. If the variable is set, no server is started.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/proxops/proxops/libs/app"
	"github.com/proxops/proxops/libs/localpg"
)

func main() {
	args := os.Args[1:]
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "usage: localpg -- command [argument...]")
		os.Exit(2)
	}
	ctx, stop := app.SignalContext()
	defer stop()
	code, err := run(ctx, args)
	if err != nil {
		fmt.Fprintln(os.Stderr, "localpg:", err)
	}
	stop()
	os.Exit(code)
}

// run returns the exit code of the command, or 1 with an error of our own.
func run(ctx context.Context, args []string) (int, error) {
	if os.Getenv("TEST_DATABASE_URL") == "" {
		server, err := localpg.StartForTests(ctx, localpg.Config{})
		if err != nil {
			return 1, err
		}
		defer func() { _ = server.Close() }()
		if err := os.Setenv("TEST_DATABASE_URL", server.URL()); err != nil {
			return 1, err
		}
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // running what we are given is the purpose
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() >= 0 {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, fmt.Errorf("run %s: %w", args[0], err)
	}
	return 0, nil
}
