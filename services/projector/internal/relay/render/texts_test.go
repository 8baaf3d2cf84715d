package render

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/proxops/proxops/libs/change"
)

func TestTextsSurviveWithEveryCharacter(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		`a "quoted" \ back`, "line\nbreak\ttab", "日本 übernacht 🎉", "<b>&amp;</b>", "\u2028\u2029", "}]{[,:", "ends with \\", "", "\x01\x1f\x7f",
	} {
		state, err := json.Marshal(map[string]any{
			"replication_id": s, "target": s, "comment": s, "guest": 1, "virtual_machine": 10,
			"raw_config": map[string]any{s + "key": []any{s, map[string]string{"x": s}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		names := &Names{VirtualMachines: map[int32]string{10: s}}
		var got struct {
			Display        string
			Comment        string
			ID             string                `json:"replication_id"`
			VirtualMachine struct{ Name string } `json:"virtual_machine"`
			Raw            map[string]any        `json:"raw_config"`
		}
		text := render(t, change.Replication, string(state), names)
		if err := json.Unmarshal([]byte(text), &got); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		vm := s
		if s == "" {
			vm = "VM 1"
		}
		if got.Comment != s || got.ID != s || got.VirtualMachine.Name != s || got.Display != s+" ("+vm+" → "+s+")" {
			t.Errorf("%q became %+v", s, got)
		}
		if diff := cmp.Diff(map[string]any{s + "key": []any{s, map[string]any{"x": s}}}, got.Raw); diff != "" {
			t.Errorf("raw_config (-want +got):\n%s", diff)
		}
	}
}
