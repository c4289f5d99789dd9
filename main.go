// Command lianqi is the backend of a development zone: it serves the API and keeps its database.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"lianqi/config"
	"lianqi/store"
)

// version is set by the build.
var version = "dev"

const usage = `lianqi keeps a development zone in touch with its enterprises.

  lianqi serve [--demo]                      serve the API; --demo fills an empty database with the demonstration zone
  lianqi migrate                             bring the database up to date
  lianqi migrate status                      show the steps of the schema and which are taken
  lianqi admin create PHONE NAME             make an administrator; the first password is read from standard input
  lianqi keys rotate [--forget]              sign with a new key; --forget ends every session
  lianqi backup FILE                         copy the embedded database while it is being served
  lianqi restore FILE                        replace the embedded database by a copy
  lianqi epoch renew                         make every phone sync afresh, after a MySQL-compatible database was restored
  lianqi config check                        check the settings
  lianqi health                              ask the running server whether it is well
  lianqi spec                                write docs/openapi.yaml and docs/openapi-3.0.yaml
  lianqi version                             print the version

Settings come from the environment; docs/guides/settings.md lists them.
`

var (
	// errUsage makes main print the usage as an error.
	errUsage = errors.New("usage")
	// errHelp makes main print it as an answer.
	errHelp = errors.New("help")
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, errHelp):
		fmt.Print(usage)
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		os.Exit(2)
	case err != nil:
		fmt.Fprintln(os.Stderr, "lianqi:", explain(err))
		os.Exit(1)
	}
}

// command is one thing lianqi does; the words that name it are cut off args.
type command struct {
	words string
	run   func(ctx context.Context, cfg config.Config, args []string) error
	// bare commands do not read the settings.
	bare bool
}

var commands = []command{
	{words: "serve", run: serve},
	{words: "migrate status", run: migrateStatus},
	{words: "migrate", run: migrate},
	{words: "admin create", run: adminCreate},
	{words: "keys rotate", run: keysRotate},
	{words: "backup", run: backup},
	{words: "restore", run: restore},
	{words: "epoch renew", run: epochRenew},
	{words: "config check", run: configCheck},
	{words: "health", run: health},
	{words: "spec", run: writeSpec, bare: true},
	{words: "version", run: printVersion, bare: true},
}

func run(ctx context.Context, args []string) error {
	if slices.ContainsFunc(args, func(a string) bool { return a == "--help" || a == "-h" || a == "help" }) {
		return errHelp
	}
	for _, c := range commands {
		rest, ok := cutWords(args, c.words)
		if !ok {
			continue
		}
		if c.bare {
			return c.run(ctx, config.Config{}, rest)
		}
		cfg, faults := config.Load(os.Environ(), os.ReadFile)
		if len(faults) > 0 {
			for _, fault := range faults {
				fmt.Fprintln(os.Stderr, fault)
			}
			return errors.New("the settings make no sense")
		}
		return c.run(ctx, cfg, rest)
	}
	return errUsage
}

// newLog makes the log as the settings ask for.
func newLog(cfg config.Config) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.LogLevel}
	if cfg.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// storeOptions say where the database is; this is where the clock comes from.
func storeOptions(cfg config.Config, log *slog.Logger) store.Options {
	options := store.Options{Driver: cfg.Database.Driver, Dir: cfg.DataDir, Now: time.Now, Log: log}
	if cfg.Database.Driver == config.MySQL {
		options.DSN = cfg.Database.DSN
	}
	return options
}
