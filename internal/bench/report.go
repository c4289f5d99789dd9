//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The targets: what the product promises beside the bare server.
const (
	memoryIdleTarget = 40.0
	memoryLoadTarget = 120.0
	startTarget      = 300 * time.Millisecond
	processorTarget  = 500 * time.Microsecond
)

// ratioTarget is how the product's rate shall compare with the bare one's.
func ratioTarget(database string, l line) float64 {
	recording := l.Work == works[0].name
	switch {
	case database == "MariaDB" && recording:
		return 0.75
	case database == "MariaDB":
		return 0.5
	case recording && l.Connections >= 64:
		return 2.5
	case recording:
		return 1.5
	}
	return 0.6
}

func median[T any, K cmp.Ordered](list []T, key func(T) K) K {
	keys := make([]K, len(list))
	for i, v := range list {
		keys[i] = key(v)
	}
	slices.Sort(keys)
	return keys[len(keys)/2]
}

func rate(r round) float64            { return r.Rate }
func half(r round) time.Duration      { return r.Median }
func p99(r round) time.Duration       { return r.P99 }
func processor(r round) time.Duration { return r.Processor }

// ratios are the product's rate by the bare one's: of the medians, and the lowest and highest of single rounds.
func (l line) ratios() (ratio, low, high float64) {
	each := make([]float64, len(l.Product))
	for i := range l.Product {
		each[i] = l.Product[i].Rate / l.Bare[i].Rate
	}
	return median(l.Product, rate) / median(l.Bare, rate), slices.Min(each), slices.Max(each)
}

func verdict(ok bool) string {
	if ok {
		return "ok"
	}
	return "MISSED"
}

// write prints what was measured on one database as a table.
func (m measured) write(out io.Writer) {
	fmt.Fprintf(out, "\n%s\n", m.Database)
	t := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(cells ...string) { fmt.Fprintln(t, strings.Join(cells, "\t")+"\t") }
	row("", "conns", "lianqi/s", "bare/s", "ratio", "rounds", "target", "", "p50 ms", "bare", "p99 ms", "bare", "CPU us", "bare", "target", "")
	for _, l := range m.Lines {
		ratio, low, high := l.ratios()
		target := ratioTarget(m.Database, l)
		used, usedTarget, usedVerdict := median(l.Product, processor), "", ""
		if l.Work == works[0].name {
			usedTarget, usedVerdict = fmt.Sprintf("<= %d", processorTarget.Microseconds()), verdict(used <= processorTarget)
		}
		row(l.Work, fmt.Sprint(l.Connections), fmt.Sprintf("%.0f", median(l.Product, rate)), fmt.Sprintf("%.0f", median(l.Bare, rate)),
			fmt.Sprintf("%.2f", ratio), fmt.Sprintf("%.2f-%.2f", low, high), fmt.Sprintf(">= %.2f", target), verdict(ratio >= target),
			ms(median(l.Product, half)), ms(median(l.Bare, half)), ms(median(l.Product, p99)), ms(median(l.Bare, p99)),
			fmt.Sprint(used.Microseconds()), fmt.Sprint(median(l.Bare, processor).Microseconds()), usedTarget, usedVerdict)
	}
	t.Flush()
	fmt.Fprintf(out, "resident memory: %.1f MiB after the first answer, %.1f MiB idle (<= %.0f: %s), %.1f MiB at most under load (<= %.0f: %s), %.1f MiB while 50 log in at once\n",
		m.Memory.First, m.Memory.Idle, memoryIdleTarget, verdict(m.Memory.Idle <= memoryIdleTarget),
		m.Memory.Load, memoryLoadTarget, verdict(m.Memory.Load <= memoryLoadTarget), m.Memory.Login)
	fmt.Fprintf(out, "first answer to a caller, from the start of the process: %s ms (<= %d: %s)\n", ms(m.Start), startTarget.Milliseconds(), verdict(m.Start <= startTarget))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d.Microseconds())/1000) }
