package calendar

import "testing"

func TestWords(t *testing.T) {
	for expr, want := range map[string]string{
		"minutely": "minutely", "hourly": "hourly", "daily": "daily", "weekly": "weekly", "monthly": "monthly",
		"quarterly": "quarterly", "semiannually": "semiannually", "semi-annually": "semiannually",
		"yearly": "yearly", "annually": "yearly", "daily UTC": "daily",

		"*": "minutely", "*:*": "minutely", "*/1": "minutely", "*:*:30": "minutely", "*:*:*": "*:*:*", "* 0..23:0..59": "",
		"5": "hourly", "*:00": "hourly", "0..23:15": "hourly", "30/50": "hourly", "*/15": "*/15", "0,30": "0,30",
		"02:00": "daily", "2:0:30": "daily", "mon..sun 22:00": "daily", "*-*-* 04:00": "daily", "02:00 UTC": "daily",
		"*/30": "*/30", "2,14:00": "2,14:00", "*/12:00": "*/12:00", "20/12:00": "daily",
		"sat 18:15": "weekly", "sun": "weekly", "mon..fri 22:00": "mon..fri 22:00", "mon,thu": "mon,thu",
		"*-*-01 04:30": "monthly", "*-28": "monthly", "*-29": "*-29", "*-*-31 00:00": "*-*-31 00:00", "*-*-1/31": "*-*-1/31",
		"sat *-1..7 15:00": "monthly", "sun *-22..28": "monthly", "sat *-1..8 15:00": "sat *-1..8 15:00",
		"sun *-23..29": "sun *-23..29", "sat *-01": "sat *-01", "mon,tue *-1..7": "mon,tue *-1..7",
		"1,4,7,10-1": "quarterly", "*/3-1": "quarterly", "2/3-30": "2/3-30", "1/3-30 02:00": "quarterly", "1,5,7,10-1": "1,5,7,10-1",
		"3,9-15 06:00": "semiannually", "5/6-1": "semiannually", "12-24 18:00": "yearly", "02-28": "yearly", "02-29": "02-29",
		"2027-*-* 00:00": "2027-*-* 00:00", "2027-01-01": "2027-01-01", "02-30": "02-30", "1-0": "1-0", "0-1": "0-1",

		"* * * * *": "minutely", "0 * * * *": "hourly", "*/15 * * * *": "*/15 * * * *", "0 2 * * *": "daily",
		"0 2 * * 0-6": "daily", "0 2 * * sat": "weekly", "0 2 * * 7": "weekly", "0 2 * * 0,7": "weekly", "0 2 * * 1-5": "0 2 * * 1-5",
		"30 4 1 * *": "monthly", "30 4 1 */3 *": "quarterly", "0 0 1 jan *": "yearly", "0 0 1 * mon": "0 0 1 * mon",
		"0 0 1 * 0-7": "daily", "0 0 1-31 * 1": "daily", "0 0 */1 * 1": "weekly", "@daily": "daily", "@midnight": "daily",
		"@hourly": "hourly", "@weekly": "weekly", "@annually": "yearly",
	} {
		e, err := ParseAny(expr)
		if want == "" {
			if err == nil {
				t.Errorf("ParseAny(%q) succeeds", expr)
			}
			continue
		}
		if err != nil {
			t.Error(err)
			continue
		}
		if got := e.Words(); got != want {
			t.Errorf("Words of %q are %q, want %q", expr, got, want)
		}
	}
}
