package digest

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	proxopsv1 "github.com/proxops/proxops/proto-events/proxops/v1"
)

func snapshot() *proxopsv1.Snapshot {
	return &proxopsv1.Snapshot{BackupRoutines: []*proxopsv1.BackupRoutine{
		{JobId: "a", Schedule: "02:00", NextRun: timestamppb.New(timestamppb.Now().AsTime())},
		{JobId: "b", Enabled: true},
	}}
}

func sealed(t *testing.T, edit func(*proxopsv1.Snapshot)) *proxopsv1.Snapshot {
	t.Helper()
	s := snapshot()
	edit(s)
	if err := Seal(s); err != nil {
		t.Fatal(err)
	}
	if err := Check(s); err != nil {
		t.Fatalf("a sealed snapshot does not check: %v", err)
	}
	return s
}

func TestDigestIsOfTheContentAlone(t *testing.T) {
	base := sealed(t, func(*proxopsv1.Snapshot) {})
	same := map[string]func(*proxopsv1.Snapshot){
		"order":      func(s *proxopsv1.Snapshot) { r := s.BackupRoutines; r[0], r[1] = r[1], r[0] },
		"next run":   func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].NextRun = nil },
		"generation": func(s *proxopsv1.Snapshot) { s.Generation = 7 },
		"figures":    func(s *proxopsv1.Snapshot) { s.Skipped, s.Requests, s.Duration = 1, 2, durationpb.New(3) },
	}
	for name, edit := range same {
		if got := sealed(t, edit); !bytes.Equal(got.GetDigest(), base.GetDigest()) {
			t.Errorf("%s changes the digest", name)
		}
	}
	other := map[string]func(*proxopsv1.Snapshot){
		"a field":     func(s *proxopsv1.Snapshot) { s.BackupRoutines[1].Comment = "x" },
		"a key":       func(s *proxopsv1.Snapshot) { s.BackupRoutines[1].JobId = "c" },
		"a job less":  func(s *proxopsv1.Snapshot) { s.BackupRoutines = s.BackupRoutines[:1] },
		"zero vs nil": func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].KeepLast = proto.Int64(0) },
	}
	for name, edit := range other {
		if got := sealed(t, edit); bytes.Equal(got.GetDigest(), base.GetDigest()) {
			t.Errorf("%s does not change the digest", name)
		}
	}
}

func TestCheckSeesTampering(t *testing.T) {
	for name, edit := range map[string]func(*proxopsv1.Snapshot){
		"a job taken out": func(s *proxopsv1.Snapshot) { s.BackupRoutines = s.BackupRoutines[:1] },
		"another hash":    func(s *proxopsv1.Snapshot) { s.BackupRoutines[0].ContentHash = []byte("x") },
		"another count":   func(s *proxopsv1.Snapshot) { s.Count++ },
	} {
		s := sealed(t, func(*proxopsv1.Snapshot) {})
		edit(s)
		if Check(s) == nil {
			t.Errorf("Check takes a snapshot with %s", name)
		}
	}
}
