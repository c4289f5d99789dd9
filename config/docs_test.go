package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of docs/guides/settings.md")

// TestGuide holds the table of the guide equal to the settings; with -update it writes the table.
func TestGuide(t *testing.T) {
	const path, begin, end = "../docs/guides/settings.md", "<!-- settings: begin -->\n", "<!-- settings: end -->"
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(content), begin)
	table, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatalf("%s has no %q and %q", path, begin, end)
	}
	want := guide()
	if *update {
		if err := os.WriteFile(path, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if table != want {
		t.Errorf("the table of %s is not that of the settings: run go test ./config -update", path)
	}
}

func guide() string {
	var b strings.Builder
	b.WriteString("| variable | default | example | meaning |\n| --- | --- | --- | --- |\n")
	code := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	for _, s := range Settings() {
		name := code(s.Name)
		if s.Secret {
			name += ", " + code(s.Name+fileSuffix)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", name, code(s.Default), code(s.Example), s.Text)
	}
	return b.String()
}
