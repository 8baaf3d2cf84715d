// Package browser proves what only a browser can: it looks at the pages of the product, with simulated clusters behind it, as people do.
package browser
