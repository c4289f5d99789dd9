// Package config reads the settings of the server from the environment, checks them once, and passes them on as
// a plain value. Nothing else in the program reads the environment.
package config

import (
	"encoding"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Config is every setting of the server, checked. The zero value is not usable: Load makes one.
type Config struct {
	// Listen is the address to serve on, host:port; an empty host means all addresses.
	Listen string
	// DataDir is the folder of the embedded database and of files, as given: it may not exist yet.
	DataDir  string
	Database Database
	LogLevel slog.Level
	// LogFormat is "text" or "json".
	LogFormat string
	// RateLimit is in requests a second and account; 0 means no limit.
	RateLimit int
	// TrustedProxies are the networks whose X-Forwarded-For is believed; empty means nobody's.
	TrustedProxies []netip.Prefix
	// CORSOrigins are the exact origins whose scripts may call, lower case, without a path; empty means none.
	CORSOrigins []string
	// MinClientVersion is the oldest phone client that is served, as one to three numbers with dots; empty means any.
	MinClientVersion string
	// ClientDownloadURL is where a newer client is found; never empty when MinClientVersion is set.
	ClientDownloadURL string
	// OTLPEndpoint is the URL traces are sent to; empty means none are made.
	OTLPEndpoint string
	// TLSCert and TLSKey are files that belong together, or both are empty.
	TLSCert, TLSKey string
	// ShutdownTimeout is how long accepted requests have to end when the server stops.
	ShutdownTimeout time.Duration
}

// Loopback tells whether only programs on the same machine can reach the server.
func (c Config) Loopback() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return false
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// URL is the address at which a program on the same machine reaches the server, without a trailing slash.
func (c Config) URL() string {
	host, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return ""
	}
	if addr, err := netip.ParseAddr(host); host == "" || (err == nil && addr.IsUnspecified()) {
		host = "127.0.0.1"
	}
	scheme := "http"
	if c.TLSCert != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// The drivers a Database can name.
const (
	SQLite = "sqlite"
	MySQL  = "mysql"
)

// Database says where the records are. However it is printed, the password stays out.
type Database struct {
	// Driver is SQLite or MySQL.
	Driver string
	// DSN is the path of the file for SQLite; for MySQL user:password@network(address)/name, with no option but tls.
	DSN string
}

var (
	_ fmt.Formatter          = Database{}
	_ encoding.TextMarshaler = Database{}
)

// String names the database without the user and the password.
func (d Database) String() string {
	if d.Driver != MySQL {
		return d.Driver + " " + d.DSN
	}
	parsed, err := parseMySQL(d.DSN)
	if err != nil {
		return d.Driver
	}
	return d.Driver + " " + parsed.Net + "(" + parsed.Addr + ")/" + parsed.DBName
}

// Format prints String for every verb: %#v and %d would show the password otherwise.
func (d Database) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprint(f, d.String())
}

// MarshalText is String, for JSON and structured logs.
func (d Database) MarshalText() ([]byte, error) { return []byte(d.String()), nil }
