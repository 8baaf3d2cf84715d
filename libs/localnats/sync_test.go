package localnats

import "testing"

func TestMessagesAreSyncedUnlessATestSaysOtherwise(t *testing.T) {
	for _, unsynced := range []bool{false, true} {
		s, err := Start(t.Context(), Config{StoreDir: t.TempDir(), Unsynced: unsynced})
		if err != nil {
			t.Fatal(err)
		}
		info, err := s.ns.Varz(nil)
		if err != nil || info.JetStream.Config == nil || info.JetStream.Config.SyncAlways == unsynced {
			t.Errorf("unsynced %v: the server says %+v, %v", unsynced, info.JetStream.Config, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
