package pvesim_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/proxops/proxops/libs/pvesim"
)

func Example() {
	c := pvesim.New("8.4", pvesim.WithWorld(pvesim.Generate("alpha", 1, 3, 20, 25)))
	// Tests that need TLS and true status lines call StartT; a handler is enough to look at answers.
	get := func(path string) int {
		r := httptest.NewRequest(http.MethodGet, "/api2/json"+path, nil)
		r.Header.Set("Authorization", c.Token().Header())
		w := httptest.NewRecorder()
		c.ServeHTTP(w, r)
		return w.Code
	}
	w := c.World()
	id := w.Backups[0].ID
	fmt.Println("there:", get("/cluster/backup/"+id))

	c.FaultTimes("/cluster/backup/{id}", pvesim.FromTranscript("http_596_timeout"), 1)
	fmt.Println("once unreachable:", get("/cluster/backup/"+id))

	c.Edit(func(w *pvesim.World) { w.DeleteBackup(id) })
	fmt.Println("gone:", get("/cluster/backup/"+id))
	fmt.Println("asked:", c.Requests()["GET /cluster/backup/{id}"])
	// Output:
	// there: 200
	// once unreachable: 596
	// gone: 400
	// asked: 3
}
