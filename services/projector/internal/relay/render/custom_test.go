package render

import (
	"encoding/json"
	"testing"

	"github.com/proxops/proxops/libs/change"
)

func TestCustomFieldsAreShownAsRESTDoes(t *testing.T) {
	t.Parallel()
	for state, want := range map[string]string{
		`{}`:                           `{"zeta":null,"alpha":null}`,
		`{"alpha": 1, "gone": [1, 2]}`: `{"zeta":null,"alpha":1,"gone":[1,2]}`,
		`{"alpha": {"a": [1, "}"]}, "zeta": "x\"y"}`: `{"zeta":"x\"y","alpha":{"a":[1,"}"]}}`,
		`{"gone": true}`: `{"zeta":null,"alpha":null,"gone":true}`,
	} {
		n := &Names{}
		n.AddCustomField(change.Replication, "zeta")
		n.AddCustomField(change.Replication, "alpha")
		var got struct {
			Custom json.RawMessage `json:"custom_fields"`
		}
		if err := json.Unmarshal([]byte(render(t, change.Replication, `{"custom_fields":`+state+`}`, n)), &got); err != nil || string(got.Custom) != want {
			t.Errorf("%s is shown as %s (%v), want %s", state, got.Custom, err, want)
		}
		if err := json.Unmarshal([]byte(render(t, change.BackupRoutine, `{"custom_fields":`+state+`}`, n)), &got); err != nil || string(got.Custom) != string(appendCompact(nil, state)) {
			t.Errorf("a routine, whose type has none, shows %s (%v)", got.Custom, err)
		}
	}
}
