package web

import "github.com/gin-gonic/gin"

// Routes are all pages.
func (w *Web) Routes() gin.RoutesInfo {
	e := gin.New()
	w.routes(e)
	return e.Routes()
}

// PathOf is where the pages of a resource are.
var PathOf = pathOf
