package config

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-sql-driver/mysql"
)

// Setting describes one variable for people.
type Setting struct {
	// Name is the whole name of the variable.
	Name string
	// Default is what holds when the variable is not set; empty where that has a meaning of its own.
	Default string
	Example string
	// Text is one or two sentences in plain words.
	Text string
	// Secret says that the value may come from the file that Name+"_FILE" names, and is never shown.
	Secret bool
}

// setting is a Setting with its name less the prefix and what a value of it does to the configuration. set returns
// what is wrong with the value, as the end of a sentence that begins with the variable.
type setting struct {
	Setting
	name string
	set  func(c *Config, value string) error
}

// Settings lists all settings, in the order of the documentation.
func Settings() []Setting {
	list := make([]Setting, len(settings))
	for i, s := range settings {
		list[i] = s.Setting
		list[i].Name = prefix + s.name
	}
	return list
}

var settings = []setting{
	{
		Setting{
			Default: "127.0.0.1:8080", Example: "0.0.0.0:8080",
			Text: "Address and port to serve on. The default is reachable from the same machine only.",
		},
		"LISTEN", setListen,
	},
	{
		Setting{
			Default: "data", Example: "/var/lib/lianqi",
			Text: "Folder of the embedded database and of files; made when it does not exist.",
		},
		"DATA_DIR", setDataDir,
	},
	{
		Setting{
			Example: "mysql://lianqi:password@tcp(127.0.0.1:3306)/lianqi", Secret: true,
			Text: "Database server: `mysql://user:password@tcp(host:port)/name` or `mysql://user:password@unix(/path)/name`, optionally with `?tls=true`; the password is taken literally, nothing is percent-decoded. Empty: SQLite in the data folder.",
		},
		"DATABASE_URL", setDatabase,
	},
	{
		Setting{
			Default: "info", Example: "debug",
			Text: "Least important messages that are logged: `debug`, `info`, `warn` or `error`.",
		},
		"LOG", setLogLevel,
	},
	{
		Setting{
			Default: "text", Example: "json",
			Text: "Form of the log: `text` or `json`.",
		},
		"LOG_FORMAT", setLogFormat,
	},
	{
		Setting{
			Default: "20", Example: "50",
			Text: "Requests a second that one account may make, 0 to 100000; 0 turns the limit off.",
		},
		"RATE_LIMIT", setRateLimit,
	},
	{
		Setting{
			Example: "10.0.0.0/8,192.168.1.7",
			Text:    "Networks or addresses of the proxies in front of the server, with commas; only theirs are the `X-Forwarded-For` headers that are believed. Empty: none.",
		},
		"TRUSTED_PROXIES", setTrustedProxies,
	},
	{
		Setting{
			Example: "https://lianqi.example.cn,https://admin.example.cn:8443",
			Text:    "Web pages of other origins that may call the server: exact `https` origins with commas, no `*`. Empty: none.",
		},
		"CORS_ORIGINS", setCORSOrigins,
	},
	{
		Setting{
			Example: "1.4.0",
			Text:    "Oldest version of the phone client that is served; older ones are told to update. Empty: any.",
		},
		"MIN_CLIENT_VERSION", setMinClientVersion,
	},
	{
		Setting{
			Example: "https://lianqi.example.cn/download",
			Text:    "Page where a newer phone client is found. Needed with `LIANQI_MIN_CLIENT_VERSION`.",
		},
		"CLIENT_DOWNLOAD_URL", setClientDownloadURL,
	},
	{
		Setting{
			Example: "http://127.0.0.1:4318",
			Text:    "Collector that traces are sent to (OTLP over HTTP). Empty: no traces are made.",
		},
		"OTLP_ENDPOINT", setOTLPEndpoint,
	},
	{
		Setting{
			Example: "/etc/lianqi/tls.crt",
			Text:    "File with the certificate chain (PEM), to serve https without a proxy. Needs `LIANQI_TLS_KEY`.",
		},
		"TLS_CERT", func(c *Config, v string) error { c.TLSCert = v; return nil },
	},
	{
		Setting{
			Example: "/etc/lianqi/tls.key",
			Text:    "File with the private key (PEM) of `LIANQI_TLS_CERT`.",
		},
		"TLS_KEY", func(c *Config, v string) error { c.TLSKey = v; return nil },
	},
	{
		Setting{
			Default: "10s", Example: "5s",
			Text: "Time that accepted requests have to end when the server stops; `1s` to `10s`.",
		},
		"SHUTDOWN_TIMEOUT", setShutdownTimeout,
	},
}

func setListen(c *Config, v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%s is not host:port", quoted(v))
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || strconv.FormatUint(n, 10) != port {
		return fmt.Errorf("%s has no port from 0 to 65535", quoted(v))
	}
	if _, err := netip.ParseAddr(host); err != nil && host != "" && !hostName.MatchString(host) {
		return fmt.Errorf("%s has no address before the port", quoted(v))
	}
	c.Listen = v
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)

func setDataDir(c *Config, v string) error {
	if strings.ContainsAny(v, "\x00\n\r?#") {
		return fmt.Errorf("%s contains a character that the path of a database must not have", quoted(v))
	}
	c.DataDir = v
	return nil
}

func setDatabase(c *Config, v string) error {
	dsn, ok := strings.CutPrefix(v, "mysql://")
	if !ok {
		return errors.New("does not begin with mysql:// (leave it empty for SQLite)")
	}
	parsed, err := parseMySQL(dsn)
	if err != nil {
		return err
	}
	c.Database = Database{Driver: MySQL, DSN: parsed.FormatDSN()}
	return nil
}

// parseMySQL checks what stands after mysql://. Its errors quote nothing of it.
func parseMySQL(dsn string) (*mysql.Config, error) {
	dsn, options := cutOptions(dsn)
	parsed, err := mysql.ParseDSN(dsn)
	switch {
	case err != nil, strings.ContainsAny(dsn, "\x00\n\r"), parsed.Net != "tcp" && parsed.Net != "unix":
		return nil, errors.New("is not mysql://user:password@tcp(host:port)/name or mysql://user:password@unix(/path)/name")
	case parsed.User == "":
		return nil, errors.New("names no user")
	case parsed.DBName == "":
		return nil, errors.New("names no database after the last slash")
	case parsed.Net == "unix" && !strings.HasPrefix(parsed.Addr, "/"):
		return nil, errors.New("names a socket that is not an absolute path")
	case parsed.Net == "tcp" && setListen(&Config{}, parsed.Addr) != nil, strings.HasPrefix(parsed.Addr, ":"):
		return nil, errors.New("names no host and port between tcp( and )")
	}
	if options != "" {
		mode, ok := strings.CutPrefix(options, "tls=")
		if !ok || !slices.Contains([]string{"true", "false", "preferred", "skip-verify"}, mode) {
			return nil, errors.New("may have no option but ?tls=true, false, preferred or skip-verify: the server sets the others itself")
		}
		parsed.TLSConfig = mode
	}
	return parsed, nil
}

// cutOptions splits at the question mark after the last slash: one before it belongs to a password or a path.
func cutOptions(dsn string) (rest, options string) {
	name := strings.LastIndexByte(dsn, '/') + 1
	before, options, _ := strings.Cut(dsn[name:], "?")
	return dsn[:name] + before, options
}

func setLogLevel(c *Config, v string) error {
	levels := map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError}
	level, ok := levels[v]
	if !ok {
		return fmt.Errorf("%s is none of debug, info, warn, error", quoted(v))
	}
	c.LogLevel = level
	return nil
}

func setLogFormat(c *Config, v string) error {
	if v != "text" && v != "json" {
		return fmt.Errorf("%s is neither text nor json", quoted(v))
	}
	c.LogFormat = v
	return nil
}

func setRateLimit(c *Config, v string) error {
	n, err := strconv.ParseUint(v, 10, 32)
	if err != nil || n > 100_000 {
		return fmt.Errorf("%s is not a whole number from 0 to 100000", quoted(v))
	}
	c.RateLimit = int(n)
	return nil
}

func setTrustedProxies(c *Config, v string) error {
	for _, item := range list(v) {
		network, err := netip.ParsePrefix(item)
		if err != nil {
			addr, addrErr := netip.ParseAddr(item)
			if addrErr != nil || addr.Zone() != "" {
				return fmt.Errorf("%s is neither a network nor an address", quoted(item))
			}
			network = netip.PrefixFrom(addr, addr.BitLen())
		}
		if network.Bits() == 0 {
			return fmt.Errorf("%s trusts everybody, so that every caller could choose the address it seems to come from", quoted(item))
		}
		if network != network.Masked() {
			return fmt.Errorf("%s is not the first address of its network, which is %s", quoted(item), network.Masked())
		}
		c.TrustedProxies = append(c.TrustedProxies, network)
	}
	return nil
}

func setCORSOrigins(c *Config, v string) error {
	for _, item := range list(v) {
		if strings.Contains(item, "*") {
			return fmt.Errorf("%s would let pages in that nobody named; write every origin out", quoted(item))
		}
		u, err := url.Parse(item)
		if err != nil || u.Scheme != "https" || u.Hostname() == "" || item != "https://"+u.Host || u.Port() == "443" {
			return fmt.Errorf("%s is not an https origin: https://host, or https://host:port when the port is not 443, and nothing after it", quoted(item))
		}
		c.CORSOrigins = append(c.CORSOrigins, strings.ToLower(item))
	}
	return nil
}

var version = regexp.MustCompile(`^[0-9]{1,6}(\.[0-9]{1,6}){0,2}$`)

func setMinClientVersion(c *Config, v string) error {
	if !version.MatchString(v) {
		return fmt.Errorf("%s is not a version of one to three numbers with dots", quoted(v))
	}
	c.MinClientVersion = v
	return nil
}

func setClientDownloadURL(c *Config, v string) error {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fmt.Errorf("%s is not an https address", quoted(v))
	}
	c.ClientDownloadURL = v
	return nil
}

func setOTLPEndpoint(c *Config, v string) error {
	u, err := url.Parse(v)
	switch {
	case err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		// The value is not shown: it may hold a password at a place where nobody would look for one.
		return errors.New("is not an http or https address")
	case u.User != nil || u.RawQuery != "":
		return errors.New("must not carry a password or a query; OTEL_EXPORTER_OTLP_HEADERS is for credentials")
	}
	c.OTLPEndpoint = v
	return nil
}

func setShutdownTimeout(c *Config, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d < time.Second || d > 10*time.Second {
		return fmt.Errorf("%s is not a duration from 1s to 10s", quoted(v))
	}
	c.ShutdownTimeout = d
	return nil
}

// list splits at commas; blanks around the items and empty ones do not count.
func list(v string) []string {
	items := strings.Split(v, ",")
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return slices.DeleteFunc(items, func(item string) bool { return item == "" })
}

// quoted shows a value that is no secret on one line, cut where it is long.
func quoted(v string) string {
	if r := []rune(v); len(r) > 60 {
		v = string(r[:60]) + "…"
	}
	return strconv.Quote(v)
}
