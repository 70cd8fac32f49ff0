package main

import "testing"

func TestAGoalIsALeastOrAMost(t *testing.T) {
	t.Parallel()
	least, most := row{goal: always(2)}, row{goal: always(1.2), atMost: true}
	for name, tt := range map[string]struct {
		row   row
		ratio float64
		holds bool
	}{
		"at least, above":   {least, 2.1, true},
		"at least, at it":   {least, 2, true},
		"at least, below":   {least, 1.9, false},
		"at most, above":    {most, 1.3, false},
		"at most, at it":    {most, 1.2, true},
		"at most, below":    {most, 0.4, true},
		"at least, nothing": {least, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := tt.row.judge(machine{}, "", 1, 1, tt.ratio); got.Holds != tt.holds {
				t.Errorf("holds is %v", got.Holds)
			}
		})
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		of   []float64
		want float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(tt.of); got != tt.want {
			t.Errorf("median of %v: %v, want %v", tt.of, got, tt.want)
		}
	}
}

func TestRowsAreChosenByName(t *testing.T) {
	t.Parallel()
	all := rows(options{})
	if got, err := choose(all, ""); err != nil || len(got) != len(all) {
		t.Errorf("all: %v, %v", keys(got), err)
	}
	if got, err := choose(all, "tail, claim"); err != nil || len(got) != 2 || got[0].key != "tail" || got[1].key != "claim" {
		t.Errorf("two: %v, %v", keys(got), err)
	}
	if _, err := choose(all, "tails"); err == nil {
		t.Error("a row that is not there was chosen")
	}
}
