package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/proxops/proxops/libs/change"
	"github.com/proxops/proxops/services/api/internal/resource"
)

// journalKinds are the kinds of entries.
var journalKinds = resource.Options("info", "success", "warning", "danger")

func journalEntries(words typeWords) *resource.Resource {
	labels := map[string]string{}
	for _, o := range journalKinds {
		labels[o.Value] = o.Label
	}
	display := resource.Words{Needs: []string{"created", "kind"}, Write: func(b []byte, a resource.Args) []byte {
		b = append(a.Time(0).AppendFormat(b, "2006-01-02 15:04"), " ("...)
		return append(append(b, labels[string(a.Text(1))]...), ')')
	}}
	return &resource.Resource{
		Name: "journal-entries", Path: extras + "journal-entries", Table: "journal_entries", Type: change.JournalEntry,
		Class: "JournalEntry", Verbose: "Journal Entry",
		Fields: append(leadingCore(display), []resource.Field{
			{Name: "assigned_object_type", Column: "object_type_id", Kind: resource.ObjectType{}, Required: true},
			{Name: "assigned_object_id", Column: "object_id", Kind: resource.Integer{}, Required: true, Label: "Assigned object ID"},
			{Name: "assigned_object", Kind: resource.Generic{Type: "assigned_object_type", ID: "assigned_object_id", Owned: true}, Null: true},
			{Name: "created", Kind: resource.DateTime{Stamp: true, Range: true}, ReadOnly: true, Unlogged: true},
			{Name: "created_by", Kind: resource.Reference{To: Users, SetNull: true, Plain: true, Named: true}, Null: true, ReadOnly: true, Help: "ID of the user who wrote it"},
			{Name: "kind", Kind: resource.Choice{Choices: journalKinds}, Default: "info"},
			{Name: "comments", Kind: resource.Text{}, Required: true},
			{Name: "tags", Kind: resource.Tags{}},
			{Name: "custom_fields", Kind: resource.CustomFields{}, NoFilter: true},
			{Name: "last_updated", Kind: resource.DateTime{Stamp: true}, ReadOnly: true, Unlogged: true},
		}...),
		Brief:  resource.Picks("id", "url", "display", "created"),
		Order:  []string{"-created", "-id"},
		Search: []string{"comments"},
		Hooks:  resource.Hooks{BeforeAll: journal{words}.check},
	}
}

// journal checks entries before they are saved.
type journal struct{ words typeWords }

// check notes who writes new entries, and refuses those about objects that do not exist, or are of a type without a journal. The objects are held
// until the end of the transaction, so that no entry outlives its object.
func (j journal) check(ctx context.Context, tx pgx.Tx, writes []*resource.Write) error {
	about := map[change.ObjectType][]*resource.Write{}
	for _, w := range writes {
		if w.Action == change.Create {
			w.After.Set("created_by", nil)
			if w.Origin.UserID != nil {
				w.After.Set("created_by", int64(*w.Origin.UserID))
			}
		}
		if w.Differs("assigned_object_type", "assigned_object_id") {
			t, _ := w.After.Int("assigned_object_type")
			about[change.ObjectType(t)] = append(about[change.ObjectType(t)], w)
		}
	}
	for t, of := range about {
		target := of[0].Set().Of(t)
		there, err := j.hold(ctx, tx, target, of)
		if err != nil {
			return err
		}
		for _, w := range of {
			id, _ := w.After.Int("assigned_object_id")
			switch {
			case !there[id]:
				w.Errors.Add(resource.NonField, fmt.Sprintf("Invalid assigned_object: %s ID %d", j.words.of(t), id))
			case !journaling(target):
				w.Errors.Add(resource.Model, fmt.Sprintf("Journaling is not supported for this object type (%s).", j.words.of(t)))
			}
		}
	}
	return nil
}

// hold keeps the objects that entries are about from being deleted, and returns which of them exist.
func (journal) hold(ctx context.Context, tx pgx.Tx, target *resource.Resource, of []*resource.Write) (map[int64]bool, error) {
	there := map[int64]bool{}
	if target == nil {
		return there, nil
	}
	var ids []int64
	for _, w := range of {
		id, _ := w.After.Int("assigned_object_id")
		ids = append(ids, id)
	}
	held := "FOR KEY SHARE"
	if target.ReadOnly {
		held = ""
	}
	rows, err := tx.Query(ctx, "SELECT t.id::bigint FROM "+target.Table+" t WHERE t.id = ANY($1::bigint[]) ORDER BY t.id "+held, ids)
	if err != nil {
		return nil, fmt.Errorf("look for the objects of journal entries: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, fmt.Errorf("look for the objects of journal entries: %w", err)
	}
	for _, id := range found {
		there[id] = true
	}
	return there, nil
}
