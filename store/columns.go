package store

import (
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"
	"time"

	sqlitedriver "modernc.org/sqlite"

	"github.com/google/uuid"

	"lianqi/models"
)

// Instants are stored as microseconds since 1970: they sort, compare and round-trip alike in every database.

func micros(t time.Time) int64 { return t.UnixMicro() }

func microsOrNil(t *time.Time) any {
	if t == nil {
		return nil
	}
	return t.UnixMicro()
}

func instant(us int64) time.Time { return time.UnixMicro(us).UTC() }

func instantOrNil(us *int64) *time.Time {
	if us == nil {
		return nil
	}
	t := instant(*us)
	return &t
}

func idOrNil(id models.ID) any {
	if id == uuid.Nil {
		return nil
	}
	return id
}

// jsonText stores a small list or map as text; these types cannot fail to encode.
func jsonText(v any) string {
	text, _ := json.Marshal(v) //nolint:errchkjson // lists and maps of strings
	return string(text)
}

func fromJSONText(text string, v any) error { return json.Unmarshal([]byte(text), v) }

const (
	sqliteConstraintPrimaryKey = 1555
	sqliteConstraintUnique     = 2067
	sqliteConstraintForeignKey = 787
)

// ifDuplicate answers otherwise when err is a violation of a key.
func ifDuplicate(err, otherwise error) error {
	var e *sqlitedriver.Error
	if errors.As(err, &e) && (e.Code() == sqliteConstraintPrimaryKey || e.Code() == sqliteConstraintUnique) ||
		mysqlCode(err) == mysqlDuplicate {
		return otherwise
	}
	return err
}

// ifDangling answers otherwise when err is a reference to a record that does not exist.
func ifDangling(err, otherwise error) error {
	var e *sqlitedriver.Error
	if errors.As(err, &e) && e.Code() == sqliteConstraintForeignKey || mysqlCode(err) == mysqlForeignKey {
		return otherwise
	}
	return err
}

// likePattern matches texts that contain the search text; the escape character is '!'.
func likePattern(search string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(search) + "%"
}

func textOrNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

func textOrEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// batchSize keeps lists of values well below what databases take in one statement.
const batchSize = 500

// batches cuts a list into pieces of at most batchSize.
func batches[T any](list []T) iter.Seq[[]T] { return slices.Chunk(list, batchSize) }
