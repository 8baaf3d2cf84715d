package web

import (
	"strconv"
)

// pageURL is the address of a part of a list that begins at an offset.
func pageURL(path string, offset int) string {
	if offset <= 0 {
		return path
	}
	return path + "?offset=" + strconv.Itoa(offset)
}

// counted is a number with what it counts.
func counted(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + many
}
