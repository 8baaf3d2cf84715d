package relay

import (
	"testing"

	"github.com/proxops/proxops/libs/natstest"
)

func TestRelayPublishesEachChangeOnceInOrder(t *testing.T) {
	w, b := newWorld(t), natstest.Connect(t)
	start(t, w.relay(b))
	w.change(1, 2, 3)
	w.change(1)
	await(t, b, 4)
	w.change(3, 1)
	w.check(await(t, b, 6), 1)
}

func TestRelayPublishesWhatWaitedForItInSeveralBatches(t *testing.T) {
	w, b := newWorld(t), natstest.Connect(t)
	n := 0
	for round := range 5 {
		var objects []int32
		for id := int32(1); id <= 1300; id++ {
			if (int(id)+round)%3 != 0 {
				objects = append(objects, id)
			}
		}
		n += len(objects)
		w.change(objects...)
	}
	start(t, w.relay(b))
	w.check(await(t, b, uint64(n)), 1)
}

func TestTwoRelaysAtOncePublishEachChangeOnce(t *testing.T) {
	w, b := newWorld(t), natstest.Connect(t)
	start(t, w.relay(b), w.relay(b), w.relay(b))
	for i := range 20 {
		w.change(1, 2, int32(3+i))
	}
	w.check(await(t, b, 60), 1)
}
