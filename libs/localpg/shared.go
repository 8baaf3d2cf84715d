package localpg

import (
	"cmp"
	"context"
	"fmt"
	"path/filepath"

	"github.com/proxops/proxops/libs/fault"
)

// maxSlots bounds how many test servers of one user run at once.
const maxSlots = 64

// StartForTests starts a disposable server for tests, on the first of a row of data directories below the cache folder
// that no other process uses. They are kept, so that most starts find one prepared: databases of earlier tests may be in
// it. cfg.DataDir is ignored.
func StartForTests(ctx context.Context, cfg Config) (*Server, error) {
	cfg.Disposable = true
	cache := cmp.Or(cfg.CacheDir, cacheFolder())
	if err := ownFolder(cache); err != nil {
		return nil, err
	}
	for slot := range maxSlots {
		cfg.DataDir = filepath.Join(cache, "tests-"+major, fmt.Sprint(slot))
		s, err := Start(ctx, cfg)
		if err == nil {
			return s, nil
		}
		if fault.KindOf(err) != fault.Conflict {
			return nil, fmt.Errorf("%w (test data: %s, which may be removed)", err, cfg.DataDir)
		}
	}
	return nil, fault.New(fault.Conflict, "all %d test servers below %s are in use", maxSlots, cache)
}
