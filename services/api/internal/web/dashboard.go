package web

import "context"

// dashboard is the first page: how everything is.
func (w *Web) dashboard(_ context.Context, p *page) (answer, error) {
	return answer{title: "Dashboard", body: dashboardPage(p)}, nil
}
