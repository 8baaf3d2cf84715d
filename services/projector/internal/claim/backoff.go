package claim

import (
	"math/rand/v2"
	"time"
)

const maxBackOff = time.Hour

// backOff is how long scheduled runs wait after a failure that followed on others: the poll interval doubled with each of them, at most an
// hour, less up to half of it by chance, so that endpoints that failed together do not come back together.
func backOff(pollInterval, failures int32) time.Duration {
	longest := time.Duration(pollInterval) * time.Second
	if pollInterval == 0 {
		longest = time.Minute
	}
	for range min(failures, 12) {
		longest = min(2*longest, maxBackOff)
	}
	longest = min(longest, maxBackOff)
	return longest/2 + rand.N(longest/2+1)
}
