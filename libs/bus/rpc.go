package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"

	"github.com/proxops/proxops/libs/fault"
)

// Headers of a reply that is an error.
const (
	headerFault = "Proxops-Fault" // its kind
	headerError = "Proxops-Error" // its text, on one line
)

const (
	// requestTimeout is for requests whose context has no deadline.
	requestTimeout = 10 * time.Second
	// confirmTimeout bounds the wait for the server to know a subscription; requests that come meanwhile are kept.
	confirmTimeout = 2 * time.Second
	// respondAtOnce bounds the requests that one Respond works on at once.
	respondAtOnce = 32
)

// Request asks whoever answers subject, and reads the answer into out. An error of the other side comes back with the
// kind it had there. When nobody answers, or not before ctx ends (or ten seconds, if it has no deadline), the error is
// fault.Unavailable and says which service is missing.
func (b *Bus) Request(ctx context.Context, subject string, in, out proto.Message) error {
	data, err := Encode(in)
	if err != nil {
		return err
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, requestTimeout)
		defer cancel()
	}
	reply, err := b.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: data})
	if errors.Is(err, nats.ErrNoResponders) {
		return fault.New(fault.Unavailable, "request %s: no %s is connected to NATS at %s: %w", subject, responder(subject), b.where, err)
	}
	if err != nil {
		return fault.Wrap(kindOf(err), err, "request %s from a %s over NATS at %s", subject, responder(subject), b.where)
	}
	if kind := reply.Header.Get(headerFault); kind != "" {
		return fault.New(fault.ParseKind(kind), "%w", Answered(reply.Header.Get(headerError)))
	}
	return Decode(reply.Data, out)
}

// Answered is what the other side of a request answered instead of doing it.
type Answered string

func (a Answered) Error() string { return string(a) }

// Unattended says of an error of Request that nobody is connected who answers the subject.
func Unattended(err error) bool { return errors.Is(err, nats.ErrNoResponders) }

// responder names the service that answers a subject.
func responder(subject string) string {
	switch {
	case strings.HasPrefix(subject, "proxops.v1.rpc.claim."), strings.HasPrefix(subject, "proxops.v1.rpc.report."):
		return "projector"
	case strings.HasPrefix(subject, "proxops.v1.rpc.probe."):
		return "poller"
	}
	return "service that answers it"
}

// Respond answers requests on subject, shared with all that use the same queue group, until ctx ends. Then it takes no more,
// waits for the handlers it started, and returns nil. Handlers run at once, up to 32 of them; the rest of the requests
// wait. An error of a handler is the answer: its kind and text go to whoever asked.
func (b *Bus) Respond(ctx context.Context, subject, queue string, handler func(context.Context, Msg) (proto.Message, error)) error {
	requests := make(chan *nats.Msg, 1024)
	sub, err := b.nc.ChanQueueSubscribe(subject, queue, requests)
	if err != nil {
		return fmt.Errorf("subscribe to %s at %s: %w", subject, b.where, err)
	}
	confirm, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	if err := b.nc.FlushWithContext(confirm); err != nil && ctx.Err() == nil {
		b.log.WarnContext(ctx, "subscription not confirmed yet", "subject", subject, "err", err) // it is renewed with the connection
	}
	var workers sync.WaitGroup
	for range respondAtOnce {
		workers.Go(func() {
			answerUntil(ctx.Done(), requests, func(m *nats.Msg) { b.answer(ctx, m, handler) })
		})
	}
	<-ctx.Done()
	_ = sub.Unsubscribe()
	workers.Wait()
	answerUntil(ctx.Done(), requests, func(m *nats.Msg) { b.answer(ctx, m, handler) }) // those that came meanwhile
	return nil
}

// answerUntil answers requests until done is closed, and then those that are waiting: their handlers see a context that
// has ended, and so whoever asked hears of it at once.
func answerUntil(done <-chan struct{}, requests <-chan *nats.Msg, answer func(*nats.Msg)) {
	for {
		select {
		case m := <-requests:
			answer(m)
			continue
		case <-done:
		}
		select {
		case m := <-requests:
			answer(m)
		default:
			return
		}
	}
}

// answer replies to one request with what the handler returns.
func (b *Bus) answer(ctx context.Context, m *nats.Msg, handler func(context.Context, Msg) (proto.Message, error)) {
	out, err := handler(ctx, Msg{Subject: m.Subject, Data: m.Data, Header: m.Header})
	reply := &nats.Msg{Subject: m.Reply}
	if err == nil {
		reply.Data, err = Encode(out)
	}
	if err != nil {
		reply.Header = nats.Header{headerFault: {kindOf(err).String()}, headerError: {oneLine(err.Error())}}
	}
	if err := b.nc.PublishMsg(reply); err != nil {
		b.log.WarnContext(ctx, "reply not sent", "subject", m.Subject, "err", err) // whoever asked asks again
	}
}

// oneLine makes a text fit for a header.
func oneLine(text string) string {
	const most = 2000
	text = strings.Join(strings.Fields(text), " ")
	return cmp.Or(strings.ToValidUTF8(text[:min(most, len(text))], ""), "no reason given")
}
