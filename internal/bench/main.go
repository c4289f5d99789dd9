//go:build linux

// Command bench measures the product beside a bare server that runs the same statements on the same database, over
// HTTP, and prints what it found beside what is promised. It needs a folder on a real disk and, for MariaDB, the server
// that the tests use.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"

	"lianqi/internal/product"
	"lianqi/internal/testkit"
)

// bench is one run.
type bench struct {
	program         string
	settings        []string // of the product, beside those of the measurement
	only            string   // a part of the names of the loads to measure
	rounds          int
	warmUp, seconds time.Duration
}

func (b *bench) progress(format string, values ...any) {
	fmt.Fprintf(os.Stderr, time.Now().Format("15:04:05 ")+format+"\n", values...)
}

// flags are those of a run, or of the bare server in a process of its own.
type flags struct {
	bare bareOptions

	dir, json, program, databases, only string
	settings                            []string
	rounds, visits                      int
	seconds                             float64
	quick, phones                       bool
}

func parseFlags() (f flags) {
	flag.StringVar(&f.dir, "dir", os.TempDir(), "folder for the databases, on a real disk")
	flag.StringVar(&f.json, "json", "", "file to write everything measured to")
	flag.StringVar(&f.program, "program", "", "server to measure instead of one built now")
	flag.StringVar(&f.databases, "databases", sqlite+","+mysql, "databases to measure on")
	flag.StringVar(&f.only, "only", "", "measure the loads with this in their names only")
	flag.Func("set", "setting of the product, NAME=VALUE; may be given several times", func(s string) error {
		f.settings = append(f.settings, s)
		return nil
	})
	flag.IntVar(&f.rounds, "rounds", 3, "how often each load is measured, in turn with the others")
	flag.IntVar(&f.visits, "visits", 200_000, "how many visits are there to read")
	flag.Float64Var(&f.seconds, "seconds", 5, "how long each load is measured")
	flag.BoolVar(&f.quick, "quick", false, "one short round with few visits, to see that it works")
	flag.BoolVar(&f.phones, "phones", false, "give whoever is notified a phone: the product then also delivers what the bare server only queues")
	flag.StringVar(&f.bare.driver, "bare", "", "be the bare server on this driver (used by the run itself)")
	flag.StringVar(&f.bare.dsn, "dsn", "", "the bare server's database")
	flag.StringVar(&f.bare.address, "listen", "", "the bare server's address")
	flag.StringVar(&f.bare.secret, "secret", "", "what callers of the bare server have to know")
	flag.Parse()
	if f.quick {
		f.rounds, f.visits, f.seconds = 1, 2_000, 0.5
	}
	return f
}

func main() {
	f := parseFlags()
	var err error
	if f.bare.driver != "" {
		err = serveBare(f.bare)
	} else {
		ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
		err = f.run(ctx)
		stop()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func (f flags) run(ctx context.Context) error {
	uuid.EnableRandPool()
	dir, err := os.MkdirTemp(f.dir, "lianqi-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if inMemory(dir) {
		fmt.Fprintf(os.Stderr, "WARNING: %s is kept in memory, where a flush costs nothing; give a folder on a disk with -dir\n", f.dir)
	}
	b := &bench{
		program: f.program, settings: f.settings, only: f.only, rounds: f.rounds, seconds: time.Duration(f.seconds * float64(time.Second)),
	}
	b.warmUp = min(time.Second, b.seconds)
	if b.program == "" {
		b.progress("building the server")
		if b.program, err = product.Build(ctx, dir); err != nil {
			return err
		}
	}
	flush, err := flushTime(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%d processors, %s; fdatasync of 4 KiB takes %.0f us (median of 200); %d visits; %d rounds of %.1f s for each load and server, medians\n",
		runtime.NumCPU(), runtime.Version(), float64(flush.Nanoseconds())/1000, f.visits, f.rounds, f.seconds)
	var all []measured
	for driver := range strings.SplitSeq(f.databases, ",") {
		m, err := f.on(ctx, b, driver, dir)
		if errors.Is(err, testkit.ErrNoMariaDB) {
			fmt.Printf("\nNOT MEASURED on MariaDB: %v\n", err)
			continue
		}
		if err != nil {
			return err
		}
		m.write(os.Stdout)
		all = append(all, m)
	}
	if f.json == "" {
		return nil
	}
	text, err := json.MarshalIndent(map[string]any{"fdatasync_ns": flush, "processors": runtime.NumCPU(), "databases": all}, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(f.json, text, 0o600)
}

// on measures on one database.
func (f flags) on(ctx context.Context, b *bench, driver, dir string) (measured, error) {
	b.progress("%s: storing %d visits", driver, f.visits)
	d, err := prepare(ctx, driver, dir, f.visits, f.phones)
	if err != nil {
		return measured{}, err
	}
	defer d.stop()
	return b.measure(d)
}
