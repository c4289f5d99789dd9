package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// strictAPI is the adapter's API for registration: JSON whatever the caller accepts, and our own encoding.
type strictAPI struct{ huma.API }

func (strictAPI) Negotiate(string) (string, error) { return "application/json", nil }

func (strictAPI) Transform(_ huma.Context, _ string, v any) (any, error) { return v, nil }

func (strictAPI) Marshal(w io.Writer, _ string, v any) error { return encode(w, v) }

func (strictAPI) Unmarshal(_ string, data []byte, v any) error { return decode(data, v) }

type encoder struct {
	buffer bytes.Buffer
	json   *json.Encoder
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.json = json.NewEncoder(&e.buffer)
	e.json.SetEscapeHTML(false)
	return e
}}

// encode writes v as JSON in one piece. What cannot be encoded panics before the first byte is written: an error
// would make the adapter append its text to half an answer. A caller who is gone is no error.
func encode(w io.Writer, v any) error {
	e := encoders.Get().(*encoder)
	e.buffer.Reset()
	if err := e.json.Encode(v); err != nil {
		panic(fmt.Errorf("encode %T: %w", v, err))
	}
	_, _ = w.Write(e.buffer.Bytes())
	if e.buffer.Cap() <= 1<<20 {
		encoders.Put(e)
	}
	return nil
}

// decode reads JSON. Its errors are keyed as those of validation are: they name what is wrong and where, never what
// was sent.
func decode(data []byte, v any) error {
	// A body is decoded twice, first without a type for validation: it is scanned then, and never validated else.
	if _, untyped := v.(*any); untyped {
		if err := scan(data); err != nil {
			return err
		}
	}
	err := json.Unmarshal(data, v)
	if err == nil {
		return nil
	}
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		return errors.New(keyMismatch + "|" + mismatch.Field)
	}
	return errors.New(keyInvalidValue)
}
