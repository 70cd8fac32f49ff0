package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// result is what was measured of a row. Figure and Peer are the medians of the
// rounds; Ratio is the median of the rounds' ratios, so it is not exactly the
// one divided by the other.
type result struct {
	Name    string  `json:"name"`
	Against string  `json:"against"`
	Figure  float64 `json:"figure"`
	Peer    float64 `json:"peer"`
	Ratio   float64 `json:"ratio"`
	Goal    float64 `json:"goal"`
	Holds   bool    `json:"holds"`

	key    string
	unit   string
	atMost bool
	note   string
}

func (r row) judge(m machine, note string, ours, peer, ratio float64) result {
	goal := r.goal(m)
	holds := ratio >= goal
	if r.atMost {
		holds = ratio <= goal
	}
	return result{
		Name: r.name, Against: r.against, Figure: rounded(ours), Peer: rounded(peer), Ratio: rounded(ratio),
		Goal: goal, Holds: holds, key: r.key, unit: r.unit, atMost: r.atMost, note: note,
	}
}

// rounded leaves what means something: three decimals.
func rounded(x float64) float64 { return math.Round(x*1000) / 1000 }

// figure writes a figure with three digits or more.
func figure(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'f', 3, 64)
}

func ratio(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) }

func (r result) cells() []string {
	bound, holds := "at least ", "yes"
	if r.atMost {
		bound = "at most "
	}
	if !r.Holds {
		holds = "NO"
	}
	against := r.Against
	if r.note != "" {
		against += " (" + r.note + ")"
	}
	return []string{
		r.Name, against, figure(r.Figure) + " " + r.unit, figure(r.Peer), ratio(r.Ratio),
		bound + strconv.FormatFloat(r.Goal, 'f', -1, 64), holds,
	}
}

// printTable writes the results as the table of docs/benchmarks.md.
func printTable(w io.Writer, results []result) {
	table := [][]string{{"what", "against", "figure", "peer", "ratio", "goal", "holds"}, {"---", "---", "---", "---", "---", "---", "---"}}
	for _, r := range results {
		table = append(table, r.cells())
	}
	for _, line := range table {
		fmt.Fprintf(w, "| %s |\n", strings.Join(line, " | "))
	}
}

// verdict names the rows whose goal is missed.
func verdict(results []result) string {
	var missed []string
	for _, r := range results {
		if !r.Holds {
			missed = append(missed, r.key)
		}
	}
	if len(missed) == 0 {
		return "every goal holds"
	}
	return "missed: " + strings.Join(missed, ", ")
}

// writeJSON writes the results for scripts.
func writeJSON(path string, results []result) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644)
}
