package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

// load runs Load on variables without the prefix and files without a leading slash.
func load(files fstest.MapFS, vars ...string) (Config, []string) {
	environ := []string{"HOME=/root", "PATH=/bin"}
	for _, v := range vars {
		environ = append(environ, prefix+v)
	}
	c, errs := Load(environ, func(name string) ([]byte, error) { return fs.ReadFile(files, strings.TrimPrefix(name, "/")) })
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = err.Error()
	}
	return c, lines
}

func TestDefaults(t *testing.T) {
	c, errs := load(nil)
	want := Config{
		Listen: "127.0.0.1:8080", DataDir: "data", Database: Database{SQLite, "data/lianqi.db"},
		LogLevel: slog.LevelInfo, LogFormat: "text", RateLimit: 20, ShutdownTimeout: 10 * time.Second,
	}
	if len(errs) != 0 || !reflect.DeepEqual(c, want) {
		t.Errorf("got %+v %v, want %+v", c, errs, want)
	}
}

func TestEmptyIsNotSet(t *testing.T) {
	var vars []string
	for _, s := range settings {
		vars = append(vars, s.name+"=")
	}
	got, errs := load(nil, append(vars, "DATABASE_URL_FILE=", "NO_SUCH=")...)
	want, _ := load(nil)
	if len(errs) != 0 || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v %v, want the defaults", got, errs)
	}
}

func TestEveryExampleIsGood(t *testing.T) {
	for _, s := range settings {
		if err := s.set(&Config{}, s.Example); s.Example == "" || err != nil {
			t.Errorf("%s=%s: %v", s.name, s.Example, err)
		}
	}
}

func TestGoodValues(t *testing.T) {
	prefixes := func(list ...string) (p []netip.Prefix) {
		for _, s := range list {
			p = append(p, netip.MustParsePrefix(s))
		}
		return p
	}
	field := map[string]func(Config) any{
		"LISTEN":             func(c Config) any { return c.Listen },
		"DATA_DIR":           func(c Config) any { return c.Database.DSN },
		"DATABASE_URL":       func(c Config) any { return c.Database.Driver + "|" + c.Database.DSN },
		"LOG":                func(c Config) any { return c.LogLevel },
		"LOG_FORMAT":         func(c Config) any { return c.LogFormat },
		"RATE_LIMIT":         func(c Config) any { return c.RateLimit },
		"TRUSTED_PROXIES":    func(c Config) any { return c.TrustedProxies },
		"CORS_ORIGINS":       func(c Config) any { return c.CORSOrigins },
		"MIN_CLIENT_VERSION": func(c Config) any { return c.MinClientVersion },
		"OTLP_ENDPOINT":      func(c Config) any { return c.OTLPEndpoint },
		"SHUTDOWN_TIMEOUT":   func(c Config) any { return c.ShutdownTimeout },
	}
	for _, test := range []struct {
		name, value string
		want        any
	}{
		{"LISTEN", ":0", ":0"},
		{"LISTEN", "[::1]:65535", "[::1]:65535"},
		{"LISTEN", "lianqi.example.cn:80", "lianqi.example.cn:80"},
		{"DATA_DIR", "/srv/联企 数据", "/srv/联企 数据/lianqi.db"},
		{"DATABASE_URL", "mysql://u:p@tcp(db:3306)/lianqi", "mysql|u:p@tcp(db:3306)/lianqi"},
		{"DATABASE_URL", "mysql://u:p@tcp([::1]:3306)/lianqi", "mysql|u:p@tcp([::1]:3306)/lianqi"},
		{"DATABASE_URL", "mysql://u:p@tcp(db)/lianqi", "mysql|u:p@tcp(db:3306)/lianqi"},
		{"DATABASE_URL", "mysql://u@unix(/run/mysqld/mysqld.sock)/lianqi", "mysql|u@unix(/run/mysqld/mysqld.sock)/lianqi"},
		{"DATABASE_URL", "mysql://u:a:b@c/d?e%2f#(f)@tcp(db:3306)/lianqi", "mysql|u:a:b@c/d?e%2f#(f)@tcp(db:3306)/lianqi"},
		{"DATABASE_URL", "mysql://u:p@tcp(db:3306)/lianqi?tls=true", "mysql|u:p@tcp(db:3306)/lianqi?tls=true"},
		{"LOG", "debug", slog.LevelDebug},
		{"LOG", "error", slog.LevelError},
		{"LOG_FORMAT", "json", "json"},
		{"RATE_LIMIT", "0", 0},
		{"RATE_LIMIT", "100000", 100000},
		{"TRUSTED_PROXIES", " 10.0.0.0/8 ,, ::1,", prefixes("10.0.0.0/8", "::1/128")},
		{"CORS_ORIGINS", "https://A.example.cn, https://b.example.cn:8443", []string{"https://a.example.cn", "https://b.example.cn:8443"}},
		{"OTLP_ENDPOINT", "https://collector.example.cn/v1/traces", "https://collector.example.cn/v1/traces"},
		{"SHUTDOWN_TIMEOUT", "1s", time.Second},
		{"SHUTDOWN_TIMEOUT", "10000ms", 10 * time.Second},
	} {
		c, errs := load(nil, test.name+"="+test.value)
		if got := field[test.name](c); len(errs) != 0 || !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s=%s: got %v %v, want %v", test.name, test.value, got, errs, test.want)
		}
	}
}

func TestBadValues(t *testing.T) {
	const password = "s3cr3t"
	for _, test := range []struct{ name, value, want string }{
		{"LISTEN", "8080", `"8080" is not host:port`},
		{"LISTEN", "127.0.0.1:65536", "no port from 0 to 65535"},
		{"LISTEN", "127.0.0.1:http", "no port from 0 to 65535"},
		{"LISTEN", "127.0.0.1:+80", "no port from 0 to 65535"},
		{"LISTEN", "127.0.0.256:80", "no address before the port"},
		{"LISTEN", "http://host:80", "is not host:port"},
		{"LISTEN", "a b:80", "no address before the port"},
		{"LISTEN", "a\nb", `"a\nb" is not host:port`},
		{"DATA_DIR", "data?mode=ro", "character that the path of a database must not have"},
		{"DATABASE_URL", "postgres://u:s3cr3t@db/lianqi", "does not begin with mysql://"},
		{"DATABASE_URL", "u:s3cr3t@tcp(db:3306)/lianqi", "does not begin with mysql://"},
		{"DATABASE_URL", "mysql://u:s3cr3t@db:3306/lianqi", "is not mysql://"},
		{"DATABASE_URL", "mysql://u:s3cr3t@udp(db:3306)/lianqi", "is not mysql://"},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(db:3306)", "is not mysql://"},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(db:3306)/", "names no database"},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(db:70000)/lianqi", "names no host and port"},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(:3306)/lianqi", "names no host and port"},
		{"DATABASE_URL", "mysql://u:s3cr3t@unix(run/x)/lianqi", "not an absolute path"},
		{"DATABASE_URL", "mysql://:s3cr3t@tcp(db:3306)/lianqi", "names no user"},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(db:3306)/lianqi?parseTime=true", "no option but ?tls="},
		{"DATABASE_URL", "mysql://u:s3cr3t@tcp(db:3306)/lianqi?tls=true&multiStatements=true", "no option but ?tls="},
		{"DATABASE_URL", "mysql://u:s3\ncr3t@tcp(db:3306)/lianqi", "is not mysql://"},
		{"LOG", "INFO", "none of debug, info, warn, error"},
		{"LOG_FORMAT", "xml", "neither text nor json"},
		{"RATE_LIMIT", "-1", "whole number from 0 to 100000"},
		{"RATE_LIMIT", "1.5", "whole number from 0 to 100000"},
		{"RATE_LIMIT", "100001", "whole number from 0 to 100000"},
		{"RATE_LIMIT", strings.Repeat("9", 500), "9…\" is not a whole number"},
		{"TRUSTED_PROXIES", "10.0.0.0/8,proxy", `"proxy" is neither a network nor an address`},
		{"TRUSTED_PROXIES", "10.0.0.1/8", "which is 10.0.0.0/8"},
		{"TRUSTED_PROXIES", "0.0.0.0/0", "trusts everybody"},
		{"TRUSTED_PROXIES", "fe80::1%eth0", "neither a network nor an address"},
		{"CORS_ORIGINS", "*", "write every origin out"},
		{"CORS_ORIGINS", "https://*.example.cn", "write every origin out"},
		{"CORS_ORIGINS", "http://example.cn", "is not an https origin"},
		{"CORS_ORIGINS", "https://example.cn/", "is not an https origin"},
		{"CORS_ORIGINS", "https://example.cn:443", "is not an https origin"},
		{"CORS_ORIGINS", "https://u@example.cn", "is not an https origin"},
		{"CORS_ORIGINS", "https://", "is not an https origin"},
		{"CORS_ORIGINS", "null", "is not an https origin"},
		{"MIN_CLIENT_VERSION", "v1", "is not a version"},
		{"MIN_CLIENT_VERSION", "1.2.3.4", "is not a version"},
		{"MIN_CLIENT_VERSION", "1..2", "is not a version"},
		{"CLIENT_DOWNLOAD_URL", "/download", "is not an https address"},
		{"CLIENT_DOWNLOAD_URL", "javascript:alert(1)", "is not an https address"},
		{"OTLP_ENDPOINT", "127.0.0.1:4318", "is not an http or https address"},
		{"OTLP_ENDPOINT", "https://u:s3cr3t@collector", "must not carry a password"},
		{"SHUTDOWN_TIMEOUT", "10", "is not a duration"},
		{"SHUTDOWN_TIMEOUT", "10.001s", "is not a duration"},
		{"SHUTDOWN_TIMEOUT", "0s", "is not a duration"},
	} {
		_, errs := load(nil, test.name+"="+test.value)
		switch {
		case len(errs) != 1:
			t.Errorf("%s=%s: got %q, want one error", test.name, test.value, errs)
		case !strings.HasPrefix(errs[0], prefix+test.name+": ") || !strings.Contains(errs[0], test.want):
			t.Errorf("%s=%s: got %q, want %q", test.name, test.value, errs[0], test.want)
		case !strings.Contains(errs[0], "(example: "+prefix+test.name+"="):
			t.Errorf("%s=%s: %q shows no example", test.name, test.value, errs[0])
		case strings.Contains(errs[0], "\n") || strings.Contains(errs[0], password):
			t.Errorf("%s=%s: %q has a line break or the password", test.name, test.value, errs[0])
		}
	}
}

func TestOneLineEach(t *testing.T) {
	_, errs := load(nil, "LISTEN=x", "LOG=x", "MIN_CLIENT_VERSION=x", "TLS_KEY=k")
	var names []string
	for _, err := range errs {
		name, _, _ := strings.Cut(err, ":")
		names = append(names, name)
	}
	if got := fmt.Sprint(names); got != "[LIANQI_LISTEN LIANQI_LOG LIANQI_MIN_CLIENT_VERSION LIANQI_TLS_CERT]" {
		t.Errorf("got %s", errs)
	}
}

func TestSecretFromFile(t *testing.T) {
	const good = "mysql://u:p@tcp(db:3306)/lianqi"
	files := fstest.MapFS{
		"run/good":  {Data: []byte(good + "\r\n")},
		"run/empty": {Data: []byte("\n")},
		"run/bad":   {Data: []byte("s3cr3t")},
	}
	for _, test := range []struct {
		vars []string
		want string
	}{
		{[]string{"DATABASE_URL_FILE=/run/good"}, ""},
		{[]string{"DATABASE_URL_FILE=/run/good", "DATABASE_URL=" + good}, "is set twice, also by LIANQI_DATABASE_URL_FILE"},
		{[]string{"DATABASE_URL_FILE=/run/none"}, `the file "/run/none" named by LIANQI_DATABASE_URL_FILE cannot be read: file does not exist`},
		{[]string{"DATABASE_URL_FILE=/run/empty"}, "is empty"},
		{[]string{"DATABASE_URL_FILE=/run/bad"}, "does not begin with mysql://"},
	} {
		c, errs := load(files, test.vars...)
		if test.want == "" {
			if len(errs) != 0 || c.Database.DSN != "u:p@tcp(db:3306)/lianqi" {
				t.Errorf("%q: got %v %q", test.vars, c.Database, errs)
			}
			continue
		}
		if len(errs) != 1 || !strings.HasPrefix(errs[0], "LIANQI_DATABASE_URL: ") || !strings.Contains(errs[0], test.want) || strings.Contains(errs[0], "s3cr3t") {
			t.Errorf("%q: got %q, want %q", test.vars, errs, test.want)
		}
	}
}

func TestUnknown(t *testing.T) {
	for _, test := range []struct{ entry, want string }{
		{"DATABSE_URL=s3cr3t", "LIANQI_DATABSE_URL: there is no such setting; did you mean LIANQI_DATABASE_URL?"},
		{"LISTN=x", "LIANQI_LISTN: there is no such setting; did you mean LIANQI_LISTEN?"},
		{"LOG_LEVEL=x", "LIANQI_LOG_LEVEL: there is no such setting; did you mean LIANQI_LOG?"},
		{"listen=x", "LIANQI_listen: there is no such setting; did you mean LIANQI_LISTEN?"},
		{"LISTEN_FILE=x", "LIANQI_LISTEN_FILE: only secrets can be read from a file; set LIANQI_LISTEN instead"},
		{"COMPLETELY_DIFFERENT=x", "LIANQI_COMPLETELY_DIFFERENT: there is no such setting; docs/guides/settings.md lists all"},
		{"PORT=8080", "LIANQI_PORT: there is no such setting"},
		{"_FILE=x", "LIANQI__FILE: there is no such setting"},
		{"=x", "LIANQI_: there is no such setting"},
		{"A\nB=x", "LIANQI_A?B: there is no such setting"},
	} {
		_, errs := load(nil, test.entry)
		if len(errs) != 1 || !strings.HasPrefix(errs[0], test.want) || strings.ContainsAny(errs[0], "\n") || strings.Contains(errs[0], "s3cr3t") {
			t.Errorf("%s: got %q, want %q", test.entry, errs, test.want)
		}
	}
}

func TestClusterVariablesAreIgnored(t *testing.T) {
	_, errs := load(
		nil, "SERVICE_HOST=10.0.0.1", "SERVICE_PORT=8080", "SERVICE_PORT_HTTP=8080", "PORT=tcp://10.0.0.1:8080", "PORT_8080_TCP=tcp://10.0.0.1:8080",
		"PORT_8080_TCP_ADDR=10.0.0.1", "DB_SERVICE_HOST=10.0.0.2", "DB_PORT=tcp://10.0.0.2:3306", "DB_PORT_3306_TCP_PROTO=tcp",
	)
	if len(errs) != 0 {
		t.Errorf("got %q", errs)
	}
}

func TestClientVersionNeedsDownload(t *testing.T) {
	if _, errs := load(nil, "MIN_CLIENT_VERSION=1.4"); len(errs) != 1 || !strings.HasPrefix(errs[0], "LIANQI_CLIENT_DOWNLOAD_URL: must be set when LIANQI_MIN_CLIENT_VERSION is") {
		t.Errorf("got %q", errs)
	}
	if _, errs := load(nil, "MIN_CLIENT_VERSION=1.4", "CLIENT_DOWNLOAD_URL=https://a.cn"); len(errs) != 0 {
		t.Errorf("got %q", errs)
	}
}

func TestTLS(t *testing.T) {
	cert, key := selfSigned(t)
	_, otherKey := selfSigned(t)
	files := fstest.MapFS{"cert": {Data: cert}, "key": {Data: key}, "other": {Data: otherKey}}
	for _, test := range []struct {
		vars []string
		want string
	}{
		{[]string{"TLS_CERT=/cert", "TLS_KEY=/key"}, ""},
		{[]string{"TLS_CERT=/cert"}, "LIANQI_TLS_KEY: must be set when LIANQI_TLS_CERT is"},
		{[]string{"TLS_KEY=/key"}, "LIANQI_TLS_CERT: must be set when LIANQI_TLS_KEY is"},
		{[]string{"TLS_CERT=/cert", "TLS_KEY=/other"}, "LIANQI_TLS_CERT: the files of LIANQI_TLS_CERT and LIANQI_TLS_KEY are not a certificate and its key"},
		{[]string{"TLS_CERT=/key", "TLS_KEY=/cert"}, "LIANQI_TLS_CERT: the files"},
		{[]string{"TLS_CERT=/none", "TLS_KEY=/key"}, `LIANQI_TLS_CERT: the file "/none" cannot be read`},
		{[]string{"TLS_CERT=/cert", "TLS_KEY=/none"}, `LIANQI_TLS_CERT: the file "/none" of LIANQI_TLS_KEY cannot be read`},
	} {
		c, errs := load(files, test.vars...)
		if test.want == "" {
			if len(errs) != 0 || c.URL() != "https://127.0.0.1:8080" {
				t.Errorf("%q: got %q %s", test.vars, errs, c.URL())
			}
		} else if len(errs) != 1 || !strings.HasPrefix(errs[0], test.want) {
			t.Errorf("%q: got %q, want %q", test.vars, errs, test.want)
		}
	}
}

func selfSigned(t *testing.T) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct {
		listen, url string
		loopback    bool
	}{
		{"127.0.0.1:8080", "http://127.0.0.1:8080", true},
		{"127.9.9.9:80", "http://127.9.9.9:80", true},
		{"localhost:80", "http://localhost:80", true},
		{"[::1]:80", "http://[::1]:80", true},
		{"[::ffff:127.0.0.1]:80", "http://[::ffff:127.0.0.1]:80", true},
		{":8080", "http://127.0.0.1:8080", false},
		{"0.0.0.0:8080", "http://127.0.0.1:8080", false},
		{"[::]:8080", "http://127.0.0.1:8080", false},
		{"10.0.0.1:80", "http://10.0.0.1:80", false},
		{"", "", false},
	} {
		c := Config{Listen: test.listen}
		if c.URL() != test.url || c.Loopback() != test.loopback {
			t.Errorf("%s: got %s %t", test.listen, c.URL(), c.Loopback())
		}
	}
}

func TestPasswordIsNeverPrinted(t *testing.T) {
	c, errs := load(nil, "DATABASE_URL=mysql://someone:s3cr3t@tcp(db:3306)/lianqi?tls=skip-verify")
	if len(errs) != 0 {
		t.Fatal(errs)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
		for _, value := range []any{c, &c, c.Database, &c.Database, []Database{c.Database}, errors.Join(fmt.Errorf("%v", c.Database))} {
			if got := fmt.Sprintf(verb, value); strings.Contains(got, "s3cr3t") || strings.Contains(got, "733363723374") {
				t.Errorf("%s of %T: %s", verb, value, got)
			}
		}
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("config", "config", c, "database", c.Database)
	slog.New(slog.NewTextHandler(&log, nil)).Info("config", "config", c, "database", c.Database)
	text, err := json.Marshal(c)
	if err != nil || strings.Contains(string(text)+log.String(), "s3cr3t") {
		t.Errorf("%s %s %v", text, log.String(), err)
	}
	if got := c.Database.String(); got != "mysql tcp(db:3306)/lianqi" {
		t.Errorf("got %s", got)
	}
	if got := (Database{MySQL, "s3cr3t"}).String(); got != "mysql" {
		t.Errorf("got %s", got)
	}
}

func FuzzDatabaseURL(f *testing.F) {
	f.Add("u:p@tcp(db:3306)/lianqi?tls=true")
	f.Add("u:@unix(/run/x)/a%2fb")
	f.Fuzz(func(t *testing.T, dsn string) {
		c, errs := load(nil, "DATABASE_URL=mysql://"+dsn)
		if len(errs) != 0 {
			return
		}
		again, errs := load(nil, "DATABASE_URL=mysql://"+c.Database.DSN)
		if len(errs) != 0 || again.Database.DSN != c.Database.DSN {
			t.Errorf("%q became %q, which became %q %q", dsn, c.Database.DSN, again.Database.DSN, errs)
		}
	})
}
