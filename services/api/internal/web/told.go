package web

import "context"

// toldKey is where a session has what the next page says once.
const toldKey = "told"

// tell has the next page say something, once.
func (p *page) tell(ctx context.Context, text string) { p.Sessions.Put(ctx, toldKey, text) }

// told is what the page before wanted to be said, "" for nothing. It waits for a page that is shown whole: pages that are open ask for parts of
// themselves meanwhile.
func (p *page) told(ctx context.Context) string {
	if p.who == nil || p.partial() || !p.Sessions.Exists(ctx, toldKey) {
		return ""
	}
	return p.Sessions.PopString(ctx, toldKey)
}
