package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// baseChoices are lists that NetBox brings along. They are known by name and refused: nothing of what is managed here has an airport.
var baseChoices = []resource.Option{
	{Value: "IATA", Label: "IATA (Airport codes)"}, {Value: "ISO_3166", Label: "ISO 3166 (Country codes)"}, {Value: "UN_LOCODE", Label: "UN/LOCODE (Location codes)"},
}

func choiceSets() *resource.Resource {
	return &resource.Resource{
		Name: nameChoiceSets, Path: extras + "custom-field-choice-sets", Table: "custom_field_choice_sets", Type: change.CustomFieldChoiceSet,
		Class: "CustomFieldChoiceSet", Verbose: "Custom Field Choice Set",
		Fields: fields(leadingCore(resource.Name("name")), []resource.Field{
			{Name: "name", Kind: resource.Char{Max: 100}, Required: true},
			text("description", 200),
			{Name: "base_choices", Kind: resource.Choice{Choices: baseChoices}, Blank: true},
			{Name: "extra_choices", Kind: resource.Pairs{Filter: "choice"}, Required: true, Help: "Pairs of a value and its label"},
			{Name: "order_alphabetically", Kind: resource.Boolean{}, Help: "Choices are ordered by value"},
			{Name: "choices_count", Kind: resource.Integer{}, Expr: "jsonb_array_length({t}.extra_choices)", Unlogged: true, NoFilter: true},
		}, stamps()),
		Brief:   resource.Picks("id", "url", "display", "name", "description", "choices_count"),
		Order:   []string{"name"},
		Search:  []string{"name", "description"},
		Unique:  []resource.Unique{{Constraint: "custom_field_choice_sets_name_key", Fields: []string{"name"}}},
		Defines: true,
		Hooks:   resource.Hooks{BeforeAll: checkChoiceSets},
	}
}

func checkChoiceSets(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	for _, w := range all {
		field, wrong, err := checkChoiceSet(ctx, tx, w)
		if err != nil {
			return err
		}
		if wrong != "" {
			w.Errors.Add(field, wrong)
		}
	}
	return nil
}

func checkChoiceSet(ctx context.Context, tx pgx.Tx, w *resource.Write) (field, wrong string, err error) {
	if base := w.After.Text("base_choices"); base != "" {
		return "base_choices", "The choices of " + base + " are not known here: list those that are needed in extra_choices.", nil
	}
	choices, err := choicesOf(w.After)
	if err != nil {
		return "", "", err
	}
	if len(choices) == 0 {
		return resource.Model, "Must define base or extra choices.", nil
	}
	values := make([]string, len(choices))
	for i, c := range choices {
		if slices.Contains(values[:i], c.Value) {
			return resource.Model, "Duplicate value '" + c.Value + "' found in extra choices.", nil
		}
		values[i] = c.Value
	}
	if w.After.Bool("order_alphabetically") {
		slices.SortStableFunc(choices, func(a, b resource.Option) int { return strings.Compare(a.Value, b.Value) })
		pairs := make([]any, len(choices))
		for i, c := range choices {
			pairs[i] = []any{c.Value, c.Label}
		}
		w.After.Set("extra_choices", resource.Marshal(pairs))
	}
	if w.Before == nil {
		return "", "", nil
	}
	had, err := choicesOf(w.Before)
	if err != nil {
		return "", "", err
	}
	for _, c := range had {
		if slices.Contains(values, c.Value) {
			continue
		}
		if objects, err := usersOf(ctx, tx, w, c.Value); err != nil || objects != "" {
			return resource.Model, "Cannot remove choice " + c.Value + " as there are " + objects + " objects which reference it.", err
		}
	}
	return "", "", nil
}

func choicesOf(o *resource.Record) ([]resource.Option, error) {
	raw, _ := o.Get("extra_choices").(json.RawMessage)
	return resource.ReadPairs(raw)
}

// usersOf names a type of objects that have the choice as a value, "" if none has.
func usersOf(ctx context.Context, tx pgx.Tx, w *resource.Write, choice string) (objects string, err error) {
	rows, err := tx.Query(ctx, `SELECT f.name, y.app_label || '.' || y.model FROM custom_fields f JOIN custom_field_object_types o ON o.custom_field_id = f.id
		JOIN object_types y ON y.id = o.object_type_id WHERE f.choice_set_id = $1::bigint ORDER BY f.id, y.id`, w.Before.ID)
	if err != nil {
		return "", fmt.Errorf("find fields of choice set %d: %w", w.Before.ID, err)
	}
	type use struct{ Name, Type string }
	uses, err := pgx.CollectRows(rows, pgx.RowToStructByPos[use])
	if err != nil {
		return "", fmt.Errorf("find fields of choice set %d: %w", w.Before.ID, err)
	}
	values := resource.CustomValues{Tx: tx, Set: w.Set(), Origin: w.Origin}
	for _, u := range uses {
		if used, err := values.Used(ctx, u.Type, u.Name, choice); err != nil || used {
			app, _, _ := strings.Cut(u.Type, ".")
			return apps[app] + " | " + strings.ToLower(w.Set().OfType(u.Type).Verbose), err
		}
	}
	return "", nil
}
