package calendar

import (
	"testing"
	"time"
)

var benchExprs = []string{"daily", "*/15", "mon..fri 22:30", "sat *-1..7 15:00", "02-29", "02-30", "0 2 * * *", "*/15 * * * *"}

func BenchmarkParse(b *testing.B) {
	for _, expr := range benchExprs {
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseAny(expr); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkNext(b *testing.B) {
	vienna := zone(b, "Europe/Vienna")
	after := time.Date(2026, 8, 1, 12, 7, 0, 0, vienna)
	for _, expr := range benchExprs {
		e, err := ParseAny(expr)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(expr, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				e.Next(after)
			}
		})
	}
}
