package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/proxops/proxops/libs/seal"
)

// firstLine reads a secret: on a command line, every user of the machine could read it.
func firstLine(r io.Reader, what string) (seal.Secret, error) {
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the %s from standard input: %w", what, err)
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", fmt.Errorf("standard input has no %s in its first line", what)
	}
	return seal.Secret(line), nil
}
