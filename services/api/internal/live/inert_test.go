package live

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestHostileTextsAreOneLineOfAFrame(t *testing.T) {
	evil := "a\n\nid: 1\nevent: zzx\rdata: <script>zzx</script>\u2028\u202e\x01"
	data, err := json.MarshalIndent(map[string]any{"id": "7", "type": "proxops.replication.updated.v1", "data": map[string]any{"comment": evil}}, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	e := newEvent(5, "proxops.v1.event.1.replication.2", data)
	if e.Kind != Replication {
		t.Fatalf("the event is of kind %q", e.Kind)
	}
	for name, frame := range map[string][]byte{"event": e.frame, "log": frame("log", "", map[string]string{"message": evil})} {
		lines := strings.Split(strings.TrimSuffix(string(frame), "\n\n"), "\n")
		last, fields := lines[len(lines)-1], len(lines)
		text, ok := strings.CutPrefix(last, "data: ")
		if !ok || fields > 3 || bytes.ContainsAny(frame, "\r") || !json.Valid([]byte(text)) {
			t.Errorf("%s is the frame %q", name, frame)
		}
		if !strings.Contains(text, `\n\nid: 1\nevent: zzx\rdata:`) {
			t.Errorf("%s lost what was said: %s", name, text)
		}
	}
}
