package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"lianqi/api"
	"lianqi/config"
	"lianqi/models"
	"lianqi/services"
	"lianqi/store"
)

// cutWords tells whether args begin with the words, and gives what follows them.
func cutWords(args []string, words string) (rest []string, ok bool) {
	want := strings.Fields(words)
	if len(args) < len(want) || !slices.Equal(args[:len(want)], want) {
		return nil, false
	}
	return args[len(want):], true
}

// explain says an error of the product's own in words rather than by its code.
func explain(err error) string {
	var e *models.Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	codes := []string{e.Code}
	for _, f := range e.Fields {
		codes = append(codes, f.Code)
	}
	var words []string
	for _, c := range api.Codes() {
		if slices.Contains(codes, c.Code) {
			words = append(words, c.English)
		}
	}
	if e.Cause != nil {
		words = append(words, e.Cause.Error())
	}
	return strings.Join(append(words, "("+strings.Join(codes, ", ")+")"), " ")
}

// open opens and migrates the database for a command that writes.
func open(ctx context.Context, cfg config.Config) (*store.DB, error) {
	db, err := store.Open(ctx, storeOptions(cfg, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

func migrate(ctx context.Context, cfg config.Config, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	return db.Close()
}

func migrateStatus(ctx context.Context, cfg config.Config, args []string) (err error) {
	if len(args) > 0 {
		return errUsage
	}
	options := storeOptions(cfg, nil)
	options.ReadOnly = true
	db, err := store.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	steps, err := db.Migrations(ctx)
	if err != nil {
		return err
	}
	for _, s := range steps {
		state := "pending"
		if s.Applied {
			state = "applied"
		}
		fmt.Printf("%05d  %-8s %s\n", s.Version, state, filepath.Base(s.Name))
	}
	return nil
}

var phonePattern = regexp.MustCompile(`^1[0-9]{10}$`)

func adminCreate(ctx context.Context, cfg config.Config, args []string) (err error) {
	if len(args) != 2 {
		return errUsage
	}
	if !phonePattern.MatchString(args[0]) {
		return errors.New("the phone number has 11 digits and begins with 1")
	}
	fmt.Fprint(os.Stderr, "First password, to be changed at the first login: ")
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	password := strings.TrimRight(line, "\r\n")
	if err != nil && password == "" {
		return errors.New("no password on standard input")
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := services.CreateFirstAdministrator(ctx, db, args[0], args[1], password); err != nil {
		return err
	}
	fmt.Println("The administrator can log in and has to change the password first of all.")
	return nil
}

func keysRotate(ctx context.Context, cfg config.Config, args []string) (err error) {
	forget := len(args) == 1 && args[0] == "--forget"
	if len(args) > 0 && !forget {
		return errUsage
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := services.RotateKeys(ctx, db, forget); err != nil {
		return err
	}
	fmt.Println("There is a new signing key.")
	return nil
}

func backup(ctx context.Context, cfg config.Config, args []string) (err error) {
	if len(args) != 1 {
		return errUsage
	}
	options := storeOptions(cfg, nil)
	options.ReadOnly = true
	db, err := store.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.Backup(ctx, args[0])
}

func restore(ctx context.Context, cfg config.Config, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if err := store.Restore(ctx, storeOptions(cfg, nil), args[0]); err != nil {
		return err
	}
	fmt.Println("The database was restored; the one before is beside it, with the ending .before-restore")
	return nil
}

// epochRenew is what restore does for the embedded database and nobody can do for a server that others restore.
func epochRenew(ctx context.Context, cfg config.Config, args []string) (err error) {
	if len(args) > 0 {
		return errUsage
	}
	db, err := open(ctx, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.Write(ctx, (*store.Tx).RenewEpoch); err != nil {
		return err
	}
	fmt.Println("The epoch is new: phones start their sync afresh.")
	return nil
}

func configCheck(_ context.Context, cfg config.Config, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	fmt.Printf("The settings make sense: listening on %s, database %s.\n", cfg.Listen, cfg.Database)
	return nil
}

// health asks the server of the same settings, for container health checks.
func health(ctx context.Context, cfg config.Config, args []string) error {
	if len(args) > 0 {
		return errUsage
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, cfg.URL()+"/healthz", http.NoBody)
	if err != nil {
		return err
	}
	// The certificate names the public host; here it is asked over loopback.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} //nolint:gosec // see above
	response, err := client.Do(request)
	if err != nil {
		return errors.New("the server does not answer")
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the server answers %s", response.Status)
	}
	return nil
}

func printVersion(context.Context, config.Config, []string) error {
	fmt.Println("lianqi", version)
	return nil
}
