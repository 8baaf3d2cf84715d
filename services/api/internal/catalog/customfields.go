package catalog

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

var typesOfCustomField = resource.Link{Table: "custom_field_object_types", Own: "custom_field_id", Other: "object_type_id"}

var customTypes = []resource.Option{
	{Value: resource.CustomText, Label: "Text"},
	{Value: resource.CustomLongText, Label: "Text (long)"},
	{Value: resource.CustomInteger, Label: "Integer"},
	{Value: resource.CustomDecimal, Label: "Decimal"},
	{Value: resource.CustomBoolean, Label: "Boolean (true/false)"},
	{Value: resource.CustomDate, Label: "Date"},
	{Value: resource.CustomDateTime, Label: "Date & time"},
	{Value: resource.CustomURL, Label: "URL"},
	{Value: resource.CustomJSON, Label: "JSON"},
	{Value: resource.CustomSelect, Label: "Selection"},
	{Value: resource.CustomMultiSelect, Label: "Multiple selection"},
}

// dataType is what JSON has for values of a custom field.
const dataType = "CASE {t}.type WHEN 'integer' THEN 'integer' WHEN 'decimal' THEN 'decimal' WHEN 'boolean' THEN 'boolean' WHEN 'json' THEN 'object'" +
	" WHEN 'multiselect' THEN 'array' ELSE 'string' END"

// customDisplay is the label of a custom field, or its name in words.
var customDisplay = resource.Words{Needs: []string{"label", "name"}, Write: func(b []byte, a resource.Args) []byte {
	if label := a.Text(0); len(label) > 0 {
		return append(b, label...)
	}
	words := strings.ToLower(strings.ReplaceAll(string(a.Text(1)), "_", " "))
	return append(append(b, strings.ToUpper(words[:min(1, len(words))])...), words[min(1, len(words)):]...)
}}

func customFields() *resource.Resource {
	bound := func(name, help string) resource.Field {
		return resource.Field{Name: name, Kind: resource.Float{Min: -math.MaxFloat64}, Null: true, Help: help}
	}
	return &resource.Resource{
		Name: nameCustomFields, Path: extras + "custom-fields", Table: "custom_fields", Type: change.CustomField,
		Class: "CustomField", Verbose: "Custom Field",
		Fields: fields(leadingCore(customDisplay), []resource.Field{
			{Name: "object_types", Kind: resource.ObjectTypes{Via: typesOfCustomField}, Required: true, Help: "The types of objects that have the field"},
			{Name: "type", Kind: resource.Choice{Choices: customTypes}, Required: true, Help: "What values are; it cannot be changed"},
			{Name: "related_object_type", Kind: resource.JSON{}, Expr: "NULL::jsonb", Unlogged: true, NoFilter: true},
			{Name: "data_type", Kind: resource.Char{}, Expr: "(" + dataType + ")", Unlogged: true, NoFilter: true},
			{Name: "name", Kind: resource.CustomName{Char: resource.Char{Max: 50}}, Required: true, Help: "Its key in custom_fields"},
			text("label", 50), text("group_name", 50), text("description", 200),
			{Name: "required", Kind: resource.Boolean{}},
			{Name: "unique", Column: `"unique"`, Kind: resource.Boolean{}, Label: "Must be unique"},
			{Name: "search_weight", Kind: resource.Integer{Max: maxSmallInt}, Default: int64(1000)},
			{Name: "filter_logic", Kind: resource.Choice{Choices: resource.Options("disabled", "loose", "exact")}, Default: "loose", Help: "Loose matches any part of a text; exact the whole"},
			{Name: "ui_visible", Kind: resource.Choice{Choices: []resource.Option{{Value: "always", Label: "Always"}, {Value: "if-set", Label: "If set"}, {Value: "hidden", Label: "Hidden"}}}, Default: "always", Label: "UI visible"},
			{Name: "ui_editable", Kind: resource.Choice{Choices: resource.Options("yes", "no", "hidden")}, Default: "yes", Label: "UI editable"},
			{Name: "is_cloneable", Kind: resource.Boolean{}},
			{Name: "default", Column: `"default"`, Kind: resource.JSON{}, Null: true, NoFilter: true},
			{Name: "related_object_filter", Kind: resource.JSON{}, Expr: "NULL::jsonb", Unlogged: true, NoFilter: true},
			{Name: "weight", Kind: resource.Integer{Max: maxSmallInt}, Default: int64(100), Label: "Display weight"},
			bound("validation_minimum", "Of numbers"), bound("validation_maximum", "Of numbers"),
			{Name: "validation_regex", Kind: resource.Char{Max: 500, Clean: validRegex}, Blank: true, Help: "What values must match, from their beginning on"},
			ref("choice_set", nameChoiceSets),
			{Name: "comments", Kind: resource.Text{}, Blank: true},
		}, stamps()),
		Brief:   resource.Picks("id", "url", "display", "name", "description"),
		Order:   []string{"group_name", "weight", "name"},
		Search:  []string{"name", "label", "group_name", "description", "comments"},
		Unique:  []resource.Unique{{Constraint: "custom_fields_name_key", Fields: []string{"name"}}},
		Defines: true,
		Hooks:   resource.Hooks{BeforeAll: checkCustomFields, AfterAll: moveValues, BeforeDelete: forgetValues},
	}
}

func validRegex(s string) (value, wrong string) { return s, resource.CheckRegex(s) }

// checkCustomFields refuses definitions that contradict themselves. As NetBox does, it says what is wrong first alone.
func checkCustomFields(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	for _, w := range all {
		field, wrong, err := checkCustomField(ctx, tx, w)
		if err != nil {
			return err
		}
		if wrong != "" {
			w.Errors.Add(field, wrong)
		}
	}
	return nil
}

func checkCustomField(ctx context.Context, tx pgx.Tx, w *resource.Write) (field, wrong string, err error) {
	o := w.After
	kind, allowed := o.Text("type"), w.Set().CustomTypes()
	if w.Before != nil && w.Differs("type") {
		return "type", "Changing the type of custom fields is not supported.", nil
	}
	types, _ := o.Get("object_types").([]string)
	for _, t := range types {
		if !slices.Contains(allowed, t) {
			return "object_types", "Invalid content type: " + t, nil
		}
	}
	set, chosen := o.Int("choice_set")
	selects := kind == resource.CustomSelect || kind == resource.CustomMultiSelect
	f, err := definitionOf(ctx, tx, o, set)
	if err != nil {
		return "", "", err
	}
	// A selection without choices is told below.
	if value := f.DefaultValue(); value != nil && (chosen || !selects) {
		stored, wrong := f.Check(value)
		if wrong != "" {
			return "default", `Invalid default value "` + resource.PythonString(value) + `": ` + wrong, nil
		}
		o.Set("default", resource.Marshal(stored))
	}
	textual := kind == resource.CustomText || kind == resource.CustomLongText || kind == resource.CustomURL
	numeric := kind == resource.CustomInteger || kind == resource.CustomDecimal
	nonZero := func(v *float64) bool { return v != nil && *v != 0 }
	switch {
	case tooLarge(f.Min):
		return "validation_minimum", tooManyDigits, nil
	case tooLarge(f.Max):
		return "validation_maximum", tooManyDigits, nil
	case nonZero(f.Min) && !numeric:
		return "validation_minimum", "A minimum value may be set only for numeric fields", nil
	case nonZero(f.Max) && !numeric:
		return "validation_maximum", "A maximum value may be set only for numeric fields", nil
	case f.Regex != "" && !textual:
		return "validation_regex", "Regular expression validation is supported only for text and URL fields", nil
	case f.Unique && kind == resource.CustomBoolean:
		return "unique", "Uniqueness cannot be enforced for boolean fields", nil
	case selects && !chosen:
		return "choice_set", "Selection fields must specify a set of choices.", nil
	case chosen && !selects:
		return "choice_set", "Choices may be set only on selection fields.", nil
	}
	return "", "", nil
}

const tooManyDigits = "Ensure that there are no more than 12 digits before the decimal point."

func tooLarge(bound *float64) bool { return bound != nil && math.Abs(*bound) >= 1e12 }

// definitionOf is the definition that a record will be.
func definitionOf(ctx context.Context, tx pgx.Tx, o *resource.Record, set int64) (f resource.CustomField, err error) {
	f = resource.CustomField{Name: o.Text("name"), Type: o.Text("type"), Regex: o.Text("validation_regex"), Required: o.Bool("required"), Unique: o.Bool("unique")}
	f.Default, _ = o.Get("default").(json.RawMessage)
	for name, bound := range map[string]**float64{"validation_minimum": &f.Min, "validation_maximum": &f.Max} {
		if v, ok := o.Get(name).(float64); ok {
			*bound = &v
		}
	}
	if set == 0 {
		return f, nil
	}
	var choices string
	err = tx.QueryRow(ctx, "SELECT name, extra_choices::text FROM custom_field_choice_sets WHERE id = $1::bigint", set).Scan(&f.Set, &choices)
	if err != nil {
		return f, fmt.Errorf("read choice set %d: %w", set, err)
	}
	f.Choices, err = resource.ReadPairs([]byte(choices))
	return f, err
}

// moveValues makes the values that objects have fit the definitions: it renames them, removes those of types that lost the field, and fills
// defaults into objects of types that got it.
func moveValues(ctx context.Context, tx pgx.Tx, all []*resource.Write) error {
	for _, w := range all {
		values := resource.CustomValues{Tx: tx, Set: w.Set(), Origin: w.Origin}
		var had []string
		has, _ := w.After.Get("object_types").([]string)
		if w.Before != nil {
			had, _ = w.Before.Get("object_types").([]string)
		}
		lost, kept, got := without(had, has), without(had, without(had, has)), without(has, had)
		if err := values.Remove(ctx, lost, nameOf(w.Before)); err != nil {
			return err
		}
		if w.Differs("name") {
			if err := values.Rename(ctx, kept, nameOf(w.Before), w.After.Text("name")); err != nil {
				return err
			}
		}
		otherwise, _ := w.After.Get("default").(json.RawMessage)
		if err := values.Fill(ctx, got, w.After.Text("name"), otherwise); err != nil {
			return err
		}
	}
	return nil
}

func nameOf(o *resource.Record) string {
	if o == nil {
		return ""
	}
	return o.Text("name")
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// forgetValues removes the values of custom fields that are deleted.
func forgetValues(ctx context.Context, d *resource.Deletion) error {
	rows, err := d.Tx.Query(ctx, `SELECT f.name, ARRAY(SELECT y.app_label || '.' || y.model FROM custom_field_object_types o JOIN object_types y ON y.id = o.object_type_id
		WHERE o.custom_field_id = f.id ORDER BY y.id) FROM custom_fields f WHERE f.id = ANY($1::bigint[]) ORDER BY f.id`, d.IDs)
	if err != nil {
		return fmt.Errorf("read custom fields to delete: %w", err)
	}
	type definition struct {
		Name  string
		Types []string
	}
	definitions, err := pgx.CollectRows(rows, pgx.RowToStructByPos[definition])
	if err != nil {
		return fmt.Errorf("read custom fields to delete: %w", err)
	}
	values := resource.CustomValues{Tx: d.Tx, Set: d.Set, Origin: d.Origin}
	for _, f := range definitions {
		if err := values.Remove(ctx, f.Types, f.Name); err != nil {
			return err
		}
	}
	return nil
}
