package calendar

import "testing"

func TestSentences(t *testing.T) {
	for expr, want := range map[string]string{
		"mon,wed,fri 07:30":       "Monday, Wednesday and Friday at 07:30",
		"mon..fri 21:00":          "Monday to Friday at 21:00",
		"sat,sun 3:05":            "Saturday and Sunday at 03:05",
		"sun 01:00 UTC":           "Sunday at 01:00 UTC",
		"02:00":                   "every day at 02:00",
		"2,14:00":                 "every day at 02:00 and 14:00",
		"02:00:30":                "every day at 02:00:30",
		"daily":                   "every day at 00:00",
		"hourly":                  "every hour",
		"*:05":                    "every hour from 00:05",
		"minutely":                "every minute",
		"*/15":                    "every 15 minutes",
		"5/15":                    "every 15 minutes from 00:05",
		"*:0,20,25":               "every hour at :00, :20 and :25",
		"*/2:00":                  "every 2 hours from 00:00",
		"8..18:00":                "every hour from 08:00 to 18:00",
		"8..17/3:10":              "every day at 08:10, 11:10, 14:10 and 17:10",
		"mon..fri 8..18:0/15":     "Monday to Friday every 15 minutes from 08:00 to 18:45",
		"monthly":                 "on the 1st of the month at 00:00",
		"*-1,15 04:30":            "on the 1st and 15th of the month at 04:30",
		"*-22 04:30":              "on the 22nd of the month at 04:30",
		"yearly":                  "on the 1st of January at 00:00",
		"quarterly":               "on the 1st of January, April, July and October at 00:00",
		"sat *-1..7 15:00":        "on the 1st Saturday of the month at 15:00",
		"sat *-15..21 15:00":      "on the 3rd Saturday of the month at 15:00",
		"1-* 06:00":               "in January every day at 06:00",
		"0 2 * * 1-5":             "Monday to Friday at 02:00",
		"*/10 * * * *":            "every 10 minutes",
		"@weekly":                 "Sunday at 00:00",
		"2027-01-01 00:00":        "2027-01-01 00:00",
		"sat *-2..8 15:00":        "sat *-2..8 15:00",
		"0 0 1 * mon":             "0 0 1 * mon",
		"*:*:*":                   "*:*:*",
		"1,5,6,9,11:00":           "1,5,6,9,11:00",
		"*-1,3,7,9,20 04:30":      "*-1,3,7,9,20 04:30",
		"mon,tue *-1..7 12:00":    "mon,tue *-1..7 12:00",
		"0,30 8,9,11,13,15 * * *": "0,30 8,9,11,13,15 * * *",
	} {
		e, err := ParseAny(expr)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := e.Sentence(); got != want {
			t.Errorf("the sentence of %q is %q, want %q", expr, got, want)
		}
	}
	if got := (Event{}).Sentence(); got != "" {
		t.Errorf("no schedule is %q", got)
	}
}
