package localpg

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/proxops/proxops/libs/fault"
)

// process is a running postmaster.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended and its log was read

	mu   sync.Mutex
	tail []string // of its log
}

// start runs a postmaster on the data directory.
func (r *runner) start(data string, args []string, log *slog.Logger) (*process, error) {
	cmd, closeFiles, err := r.command("postgres", []string{data}, func(paths []string) []string {
		return append([]string{"-D", paths[0]}, args...)
	})
	if err != nil {
		return nil, err
	}
	defer closeFiles()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, done: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(p.done)
		// The kernel ends the server when the thread that started it ends: this one must live as long.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		p.read(stderr, log)
		_ = cmd.Wait()
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return p, nil
}

// read passes the server's log on until the server, with all its children, has ended.
func (p *process) read(stderr io.Reader, log *slog.Logger) {
	lines := bufio.NewScanner(stderr)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		log.Debug("postgres", "line", lines.Text())
		p.mu.Lock()
		p.tail = append(p.tail[max(0, len(p.tail)-19):], lines.Text())
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, stderr) // after a line too long
}

// said tells whether the end of the server's log contains text.
func (p *process) said(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.tail, func(line string) bool { return strings.Contains(line, text) })
}

// failure says in one line why a server ended that nobody had stopped.
func (p *process) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	reason := p.cmd.ProcessState.String()
	for _, line := range p.tail {
		// A server that was killed could not say why, and to be refused while it starts is no reason.
		if p.cmd.ProcessState.Exited() && strings.Contains(line, "FATAL:") && !strings.Contains(line, "is starting up") {
			reason = line
		}
	}
	return fault.New(fault.Unavailable, "the private PostgreSQL ended: %s", reason)
}

// stop ends the server: by a fast shutdown, and if that takes more than two seconds at once, leaving a recovery to the
// next start.
func (p *process) stop() {
	for _, sig := range []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT, syscall.SIGKILL} {
		_ = p.cmd.Process.Signal(sig)
		select {
		case <-p.done:
			return
		case <-time.After(2 * time.Second):
		}
	}
	<-p.done
}

// run runs one of PostgreSQL's commands to its end, and returns what it wrote if it was not content.
func (r *runner) run(ctx context.Context, name string, files []string, args func(paths []string) []string) error {
	cmd, closeFiles, err := r.command(name, files, args)
	if err != nil {
		return err
	}
	defer closeFiles()
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // see start
		defer runtime.UnlockOSThread()
		if err := cmd.Start(); err != nil {
			ended <- err
			return
		}
		defer context.AfterFunc(ctx, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })()
		ended <- cmd.Wait()
	}()
	if err := <-ended; err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("%w: %s", err, lastLine(out.String()))
	}
	return nil
}

// lastLine returns the line of a command's output that most likely says what went wrong.
func lastLine(out string) string {
	lines := strings.Split(strings.TrimSpace(out), "\n")
	for _, line := range slices.Backward(lines) {
		if strings.Contains(line, "error:") || strings.Contains(line, "FATAL:") {
			return line
		}
	}
	return lines[len(lines)-1]
}

// runner starts PostgreSQL's commands, as another user if this process is root.
type runner struct {
	bin  string // folder
	cred *syscall.Credential
}

// command prepares a command that works on files. args gets the paths by which the command knows them.
func (r *runner) command(name string, files []string, args func(paths []string) []string) (cmd *exec.Cmd, closeFiles func(), err error) {
	cmd = exec.Command(filepath.Join(r.bin, name)) //nolint:gosec,noctx // our own binaries; ended by signals of our choice
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "TZ=UTC"} // no secret of ours
	// A process group of its own: Ctrl-C at the terminal ends us, and we end the server when nobody needs it any more.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Credential: r.cred}
	dieWithParent(cmd.SysProcAttr)
	opened, paths, err := r.reach(files)
	if err != nil {
		return nil, nil, err
	}
	cmd.ExtraFiles = opened
	cmd.Args = append(cmd.Args, args(paths)...)
	return cmd, func() {
		for _, f := range opened {
			_ = f.Close()
		}
	}, nil
}

// reach returns paths by which a command may open files. Another user may not be able to walk to them (a temporary folder is
// closed to all but its owner), so it inherits them opened: they must belong to it, and nothing above them has to.
func (r *runner) reach(files []string) (opened []*os.File, paths []string, err error) {
	if r.cred == nil {
		return nil, files, nil
	}
	for i, name := range files {
		f, err := os.Open(name) //nolint:gosec // in our own data directory
		if err != nil {
			for _, f := range opened {
				_ = f.Close()
			}
			return nil, nil, err
		}
		opened = append(opened, f)
		paths = append(paths, fmt.Sprintf("/proc/self/fd/%d", 3+i))
	}
	return opened, paths, nil
}

// give makes path the property of the user that commands run as.
func (r *runner) give(path string) error {
	if r.cred == nil {
		return nil
	}
	return os.Lchown(path, int(r.cred.Uid), int(r.cred.Gid))
}
