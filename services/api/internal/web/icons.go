package web

import "regexp"

// icons are the symbols of own/icons.svg, as pages show them.
var icons = func() map[string]string {
	const file = own + "/icons.svg"
	body, err := files[file].Plain()
	if err != nil {
		panic(err) // what is embedded can be read
	}
	out := map[string]string{}
	for _, id := range symbol.FindAllSubmatch(body, -1) {
		name := string(id[1])
		out[name] = `<svg class="icon" aria-hidden="true"><use href="` + asset(file) + "#" + name + `"></use></svg>`
	}
	return out
}()

var symbol = regexp.MustCompile(`<symbol id="([a-z-]+)"`)
