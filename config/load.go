package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	prefix     = "LIANQI_"
	fileSuffix = "_FILE"
)

// Load makes the configuration from the environment, given as NAME=value like os.Environ, and checks all of it;
// readFile is os.ReadFile. A variable that is set to nothing counts as not set. Each error is one line that names
// one variable, says what is wrong with it and shows a good value; the value of a secret is in none of them. The
// configuration is good only if there are no errors.
func Load(environ []string, readFile func(string) ([]byte, error)) (Config, []error) {
	env := map[string]string{}
	for _, entry := range environ {
		name, value, _ := strings.Cut(entry, "=")
		if rest, ours := strings.CutPrefix(name, prefix); ours && value != "" {
			env[rest] = value
		}
	}

	var c Config
	var errs []error
	bad := map[string]bool{}
	refuse := func(s setting, problem error) {
		bad[s.name] = true
		errs = append(errs, fmt.Errorf("%s%s: %w (example: %s%s=%s)", prefix, s.name, problem, prefix, s.name, s.Example))
	}
	for _, s := range settings {
		value, err := s.value(env, readFile)
		if err == nil && value != "" {
			err = s.set(&c, value)
		}
		if err != nil {
			refuse(s, err)
		}
	}
	for _, check := range checks {
		if slices.ContainsFunc(check.reads, func(name string) bool { return bad[name] }) {
			continue
		}
		if err := check.verify(&c, readFile); err != nil {
			refuse(find(check.blames), err)
		}
	}
	errs = append(errs, unknown(env)...)
	if c.Database == (Database{}) {
		c.Database = Database{Driver: SQLite, DSN: filepath.Join(c.DataDir, "lianqi.db")}
	}
	return c, errs
}

// value finds what is set, in the variable, in the file a secret may name, or by default.
func (s setting) value(env map[string]string, readFile func(string) ([]byte, error)) (string, error) {
	value := env[s.name]
	path := env[s.name+fileSuffix]
	switch {
	case !s.Secret || path == "":
		if value == "" {
			return s.Default, nil
		}
		return value, nil
	case value != "":
		return "", fmt.Errorf("is set twice, also by %s%s%s; keep one of them", prefix, s.name, fileSuffix)
	}
	content, err := readFile(path)
	if err != nil {
		return "", fmt.Errorf("the file %q named by %s%s%s cannot be read: %w", path, prefix, s.name, fileSuffix, reason(err))
	}
	value = strings.TrimRight(string(content), "\r\n")
	if value == "" {
		return "", fmt.Errorf("the file %q named by %s%s%s is empty", path, prefix, s.name, fileSuffix)
	}
	return value, nil
}

// reason drops the path from an error of the file system: the line around it names it already.
func reason(err error) error {
	var pathError *fs.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}

// checks are the rules about several settings at once. One that concerns a setting already refused is skipped, so
// that one mistake makes one line.
var checks = []struct {
	blames string
	reads  []string
	verify func(c *Config, readFile func(string) ([]byte, error)) error
}{
	{
		blames: "CLIENT_DOWNLOAD_URL",
		reads:  []string{"MIN_CLIENT_VERSION", "CLIENT_DOWNLOAD_URL"},
		verify: func(c *Config, _ func(string) ([]byte, error)) error {
			if c.MinClientVersion != "" && c.ClientDownloadURL == "" {
				return errors.New("must be set when LIANQI_MIN_CLIENT_VERSION is: a refused client is told where the new one is")
			}
			return nil
		},
	},
	{
		blames: "TLS_CERT",
		reads:  []string{"TLS_CERT", "TLS_KEY"},
		verify: func(c *Config, _ func(string) ([]byte, error)) error {
			if c.TLSCert == "" && c.TLSKey != "" {
				return errors.New("must be set when LIANQI_TLS_KEY is")
			}
			return nil
		},
	},
	{
		blames: "TLS_KEY",
		reads:  []string{"TLS_CERT", "TLS_KEY"},
		verify: func(c *Config, _ func(string) ([]byte, error)) error {
			if c.TLSKey == "" && c.TLSCert != "" {
				return errors.New("must be set when LIANQI_TLS_CERT is")
			}
			return nil
		},
	},
	{
		blames: "TLS_CERT",
		reads:  []string{"TLS_CERT", "TLS_KEY"},
		verify: func(c *Config, readFile func(string) ([]byte, error)) error {
			if c.TLSCert == "" || c.TLSKey == "" {
				return nil
			}
			cert, err := readFile(c.TLSCert)
			if err != nil {
				return fmt.Errorf("the file %q cannot be read: %w", c.TLSCert, reason(err))
			}
			key, err := readFile(c.TLSKey)
			if err != nil {
				return fmt.Errorf("the file %q of LIANQI_TLS_KEY cannot be read: %w", c.TLSKey, reason(err))
			}
			if _, err := tls.X509KeyPair(cert, key); err != nil {
				return errors.New("the files of LIANQI_TLS_CERT and LIANQI_TLS_KEY are not a certificate and its key in PEM")
			}
			return nil
		},
	},
}

// unknown refuses what looks like a setting and is none: a misspelt one would be silently without effect.
func unknown(env map[string]string) []error {
	var errs []error
	for name, value := range env {
		if plain, file := strings.CutSuffix(name, fileSuffix); known(name) || (file && known(plain) && find(plain).Secret) {
			continue
		} else if file && known(plain) {
			errs = append(errs, fmt.Errorf("%s%s: only secrets can be read from a file; set %s%s instead", prefix, name, prefix, plain))
			continue
		}
		if byCluster(name, value) {
			continue
		}
		if near := nearest(name); near != "" {
			errs = append(errs, fmt.Errorf("%s%.60s: there is no such setting; did you mean %s%s?", prefix, printable(name), prefix, near))
			continue
		}
		errs = append(errs, fmt.Errorf("%s%.60s: there is no such setting; docs/guides/settings.md lists all", prefix, printable(name)))
	}
	slices.SortFunc(errs, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errs
}

var clusterName = regexp.MustCompile(`(^|_)(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)$`)

// byCluster recognises the variables that Kubernetes sets in every container for a service whose name begins with
// "lianqi". Nobody wrote them, so nobody is to be told about them.
func byCluster(name, value string) bool {
	if clusterName.MatchString(name) {
		return true
	}
	return (name == "PORT" || strings.HasSuffix(name, "_PORT")) && strings.Contains(value, "://")
}

func known(name string) bool {
	return slices.ContainsFunc(settings, func(s setting) bool { return s.name == name })
}

func find(name string) setting {
	i := slices.IndexFunc(settings, func(s setting) bool { return s.name == name })
	return settings[i]
}

// nearest is the setting a misspelt name most likely means, or "" when it resembles none.
func nearest(name string) string {
	name = strings.ToUpper(name)
	best, least := "", len(name)/3+2
	for _, s := range settings {
		if strings.HasPrefix(name, s.name+"_") {
			return s.name
		}
		if d := distance(name, s.name); d < least {
			best, least = s.name, d
		}
	}
	return best
}

// distance counts the letters to add, drop or replace to turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// printable keeps what somebody typed from breaking the line it is shown in.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}
