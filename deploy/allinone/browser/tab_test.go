package browser

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// tab is a tab with cookies of its own. What the console hears beside what a test expects fails the test: errors, warnings, and whatever the
// Content-Security-Policy has stopped.
type tab struct {
	t    *testing.T
	ctx  context.Context
	base string
	*sound
}

// sound is what the console of a tab has said.
type sound struct {
	mu       sync.Mutex
	heard    []string
	expected []string
}

// wait is how long something may take; a loaded machine is slow.
const wait = 30 * time.Second

// newTab opens a tab of 1440 × 900.
func newTab(t *testing.T, base string) *tab {
	t.Helper()
	parent := chrome.context(t)
	browser := cdp.WithExecutor(parent, chromedp.FromContext(parent).Browser)
	own, err := target.CreateBrowserContext().Do(browser)
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	// Without a window of its own such a tab is refused.
	id, err := target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(browser)
	if err != nil {
		t.Fatalf("open a window: %v", err)
	}
	ctx, cancel := chromedp.NewContext(parent, chromedp.WithTargetID(id))
	b := &tab{t: t, ctx: ctx, base: base, sound: &sound{}}
	chromedp.ListenTarget(ctx, b.listen)
	t.Cleanup(func() {
		b.picture() //nolint:contextcheck // a tab has a context of its own, which outlives that of the test
		b.quiet()
		cancel()
		_ = target.DisposeBrowserContext(own).Do(browser)
	})
	b.run("open a tab", log.Enable(), runtime.Enable(), audits.Enable())
	b.size(1440, 900)
	return b
}

// listen keeps what the console of a page says.
func (b *tab) listen(event any) {
	text := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		text = "exception: " + e.ExceptionDetails.Error()
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError || e.Type == runtime.APITypeWarning || e.Type == runtime.APITypeAssert {
			said, _ := json.Marshal(e.Args)
			text = string(e.Type) + ": " + string(said)
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError || e.Entry.Level == log.LevelWarning {
			text = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *audits.EventIssueAdded:
		if d := e.Issue.Details.ContentSecurityPolicyIssueDetails; d != nil {
			text = fmt.Sprintf("Content-Security-Policy: %s stopped %s", d.ViolatedDirective, d.BlockedURL)
		}
	}
	if text != "" {
		b.mu.Lock()
		b.heard = append(b.heard, text)
		b.mu.Unlock()
	}
}

// expect says that lines with this text belong to the test.
func (b *tab) expect(text string) { b.expected = append(b.expected, text) }

// quiet fails the test if the console said something since it was last asked.
func (b *tab) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, line := range b.heard {
		if !slices.ContainsFunc(b.expected, func(text string) bool { return strings.Contains(line, text) }) {
			b.t.Errorf("the console says %s", line)
		}
	}
	b.heard = nil
}

// picture keeps what a failed test saw last, in the directory that PROXOPS_BROWSER_FAILURES names.
func (b *tab) picture() {
	dir := os.Getenv("PROXOPS_BROWSER_FAILURES")
	if dir == "" || !b.t.Failed() {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, wait)
	defer cancel()
	var png []byte
	if err := chromedp.Run(ctx, chromedp.CaptureScreenshot(&png)); err != nil {
		return
	}
	name := strings.NewReplacer("/", "_", "?", "_").Replace(b.t.Name()) + ".png"
	if err := os.WriteFile(filepath.Join(dir, name), png, 0o600); err == nil {
		b.t.Logf("the page as it was: %s", filepath.Join(dir, name))
	}
}

// run does something in the tab, which must be done in good time.
func (b *tab) run(what string, actions ...chromedp.Action) {
	b.t.Helper()
	if err := b.try(actions...); err != nil {
		b.t.Fatalf("%s: %v (at %s)", what, err, b.address())
	}
}

func (b *tab) try(actions ...chromedp.Action) error {
	// The first use of a tab's context starts it, and must not end with a shorter one.
	if chromedp.FromContext(b.ctx).Target == nil {
		return chromedp.Run(b.ctx, actions...)
	}
	ctx, cancel := context.WithTimeout(b.ctx, wait)
	defer cancel()
	return chromedp.Run(ctx, actions...)
}

func (b *tab) address() (at string) {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	_ = chromedp.Run(ctx, chromedp.Location(&at))
	return strings.TrimPrefix(at, b.base)
}

// size is that of the window in CSS pixels.
func (b *tab) size(width, height int64) {
	b.t.Helper()
	b.run("set the size", emulation.SetDeviceMetricsOverride(width, height, 1, false))
}

// theme is that of the page that is open.
func (b *tab) theme(name string) {
	b.t.Helper()
	b.eval(`document.documentElement.setAttribute("data-bs-theme", "`+name+`")`, nil)
}

// open goes to a page and waits until it is loaded.
func (b *tab) open(path string) {
	b.t.Helper()
	b.run("open "+path, chromedp.Navigate(b.base+path))
}

// follow clicks what leads to another page, and waits until that is loaded.
func (b *tab) follow(selector string) {
	b.t.Helper()
	b.leave("a click on "+selector, func() { b.click(selector) })
}

// leave does what leads to another page, and waits until that is loaded.
func (b *tab) leave(what string, do func()) {
	b.t.Helper()
	loaded := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(b.ctx)
	defer cancel()
	chromedp.ListenTarget(ctx, func(event any) {
		if _, ok := event.(*page.EventLoadEventFired); ok {
			select {
			case loaded <- struct{}{}:
			default:
			}
		}
	})
	do()
	select {
	case <-loaded:
	case <-time.After(wait):
		b.t.Fatalf("%s leads nowhere (at %s)", what, b.address())
	}
}

func (b *tab) click(selector string) {
	b.t.Helper()
	b.run("click "+selector, chromedp.Click(selector, chromedp.ByQuery))
}

// write replaces what a field holds.
func (b *tab) write(selector, text string) {
	b.t.Helper()
	b.run("find "+selector, chromedp.WaitVisible(selector, chromedp.ByQuery))
	b.eval(`{ const field = document.querySelector(`+quoted(selector)+`); field.focus(); field.select(); }`, nil)
	b.press(text)
}

// paste puts a text into a field at once.
func (b *tab) paste(selector, text string) {
	b.t.Helper()
	b.write(selector, "")
	b.run("paste into "+selector, input.InsertText(text))
}

// press is keys on whatever has the focus. A key that a page handles itself writes nothing, as with a real keyboard and unlike chromedp.KeyEvent.
func (b *tab) press(keys string) {
	b.t.Helper()
	for _, key := range keys {
		events := kb.Encode(key)
		down, up := events[0], events[len(events)-1]
		if len(events) == 3 {
			down.Type, down.Text, down.UnmodifiedText = input.KeyDown, events[1].Text, events[1].UnmodifiedText
		}
		b.run("press "+string(key), down, up)
	}
}

// eval runs a script that is not subject to the policy of the page. Into may be nil.
func (b *tab) eval(script string, into any) {
	b.t.Helper()
	b.run("run a script", chromedp.Evaluate(script, into, func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
}

// text is what one reads in the first such element.
func (b *tab) text(selector string) (text string) {
	b.t.Helper()
	b.eval(`(document.querySelector(`+quoted(selector)+`)||{innerText:""}).innerText.trim()`, &text)
	return text
}

// texts are what one reads in all such elements.
func (b *tab) texts(selector string) (all []string) {
	b.t.Helper()
	b.eval(`Array.from(document.querySelectorAll(`+quoted(selector)+`), (e) => e.innerText.trim())`, &all)
	return all
}

// until waits for a condition, which is an expression of JavaScript.
func (b *tab) until(what, condition string) {
	b.t.Helper()
	err := errors.New("never asked")
	for end := time.Now().Add(wait); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		var ok bool
		// A page that is just being left cannot be asked.
		if err = b.try(chromedp.Evaluate("!!("+condition+")", &ok)); err == nil && ok {
			return
		}
	}
	b.t.Fatalf("waited for %s in vain (at %s, %v)", what, b.address(), err)
}

func quoted(text string) string {
	out, _ := json.Marshal(text)
	return string(out)
}
