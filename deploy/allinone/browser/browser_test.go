package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"
	_ "time/tzdata"

	"github.com/chromedp/chromedp"
)

// variable names the browser of the tests: a program, or "off" for none. Without it they take the first of candidates that is installed, and
// are left out where there is none.
const variable = "PROXOPS_BROWSER"

var candidates = []string{"chromium", "chromium-browser", "google-chrome", "chrome"}

func TestMain(m *testing.M) {
	code := m.Run()
	chrome.stop()
	os.Exit(code)
}

// chrome is the one browser of all tests. Each test has tabs and cookies of its own in it.
var chrome process

type process struct {
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
	err  error
}

func init() { chrome.stop = func() {} }

// context returns one in which the browser runs, and starts it if need be. Without a browser the test is left out.
func (p *process) context(t *testing.T) context.Context {
	t.Helper()
	program, why := find()
	if why != "" {
		t.Skip("LEFT OUT, nothing was looked at: " + why)
	}
	p.once.Do(func() { p.start(program) })
	if p.err != nil {
		t.Fatalf("start %s: %v", program, p.err)
	}
	return p.ctx
}

// start runs the browser without what asks the network for more than the pages of a test.
func (p *process) start(program string) {
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("no-pings", true),
		chromedp.Flag("force-prefers-reduced-motion", true), chromedp.Flag("lang", "en-US"), chromedp.Env("TZ=Europe/Berlin"))
	all, stopAll := chromedp.NewExecAllocator(context.Background(), options...)
	// What chromedp says by itself is about events of newer browsers that it does not know.
	ctx, stop := chromedp.NewContext(all, chromedp.WithErrorf(func(string, ...any) {}))
	p.ctx, p.stop = ctx, func() { stop(); stopAll() }
	p.err = chromedp.Run(ctx)
}

// find returns the program of the browser, or why there is none.
func find() (program, why string) {
	switch named := os.Getenv(variable); named {
	case "off":
		return "", variable + " is off"
	case "":
		for _, name := range candidates {
			if found, err := exec.LookPath(name); err == nil {
				return found, ""
			}
		}
		return "", fmt.Sprintf("no browser is installed (any of %v), and %s names none", candidates, variable)
	default:
		return named, ""
	}
}
