package live

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
)

// got is a block of lines of a stream.
type got struct {
	id, event, data string
	comment         string
}

// client reads a stream. Its last id is what a browser would send when it comes back.
type client struct {
	t    testing.TB
	res  *http.Response
	read *bufio.Reader
	last string
	end  context.CancelFunc
}

// connect opens a stream and reads its opening.
func (s *site) connect(tb testing.TB, query string) *client {
	tb.Helper()
	c, err := s.dial(tb, query)
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func (s *site) dial(tb testing.TB, query string) (*client, error) {
	tb.Helper()
	ctx, cancel := context.WithCancel(tb.Context())
	tb.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/?"+query, nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	tb.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != http.StatusOK {
		return nil, errors.New(res.Status)
	}
	c := &client{t: tb, res: res, read: bufio.NewReader(res.Body), end: cancel}
	opened, err := c.block()
	if err == nil && opened.comment != "connected" {
		err = fmt.Errorf("the stream begins with %+v", opened)
	}
	return c, err
}

// close leaves, without reading to the end.
func (c *client) close() {
	c.end()
	_ = c.res.Body.Close()
}

// block reads the next lines up to an empty one, whether they are an event or not.
func (c *client) block() (g got, err error) {
	for {
		line, err := c.read.ReadString('\n')
		if err != nil {
			return g, err
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "":
			if line == "\n" {
				return g, nil
			}
			g.comment = value
		case "id":
			g.id, c.last = value, value
		case "event":
			g.event = value
		case "data":
			g.data = value
		}
	}
}

// next reads the next event.
func (c *client) next() got {
	c.t.Helper()
	for {
		g, err := c.block()
		if err != nil {
			c.t.Fatalf("the stream broke off after %q: %v", c.last, err)
		}
		if g.data != "" {
			return g
		}
	}
}

// want reads events and compares their ids.
func (c *client) want(ids ...int) {
	c.t.Helper()
	for _, id := range ids {
		if g := c.next(); g.id != strconv.Itoa(id) {
			c.t.Fatalf("got %+v, want event %d", g, id)
		}
	}
}

// ended reads to the end and returns the error of the connection, nil if the stream was ended properly.
func (c *client) ended() error {
	for {
		if _, err := c.block(); err != nil {
			if err.Error() == "EOF" {
				return nil
			}
			return err
		}
	}
}
