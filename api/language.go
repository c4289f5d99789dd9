package api

import (
	"context"
	"fmt"
	"sort"

	xlanguage "golang.org/x/text/language"
)

// language is one of those that people are answered in.
type language int

const (
	chinese language = iota
	english
)

func (l language) tag() string {
	if l == english {
		return "en"
	}
	return "zh-CN"
}

// languageOf takes the first of the caller's languages that there is; Chinese is the answer to everything else.
func languageOf(acceptLanguage string) language {
	// A longer list is nobody's wish, and parsing it takes time.
	if acceptLanguage == "" || len(acceptLanguage) > 256 {
		return chinese
	}
	tags, _, err := xlanguage.ParseAcceptLanguage(acceptLanguage)
	if err != nil {
		return chinese
	}
	for _, tag := range tags {
		switch base, _ := tag.Base(); base.String() {
		case "zh":
			return chinese
		case "en":
			return english
		}
	}
	return chinese
}

// English tells whether the caller asked for English texts instead of Chinese ones.
func English(ctx context.Context) bool {
	x := exchangeOf(ctx)
	return x != nil && x.language() == english
}

// text is one message in every language; %s stand for the parameters.
type text struct{ zh, en string }

func (t text) in(lang language) string {
	if lang == english {
		return t.en
	}
	return t.zh
}

type problemTexts struct {
	status        int // 0 where it depends
	title, detail text
}

// problemText finds the texts of a code; a code without texts reads as the nearest general one.
func problemText(code string, status int) problemTexts {
	if t, ok := problems[code]; ok {
		return t
	}
	return problems[fallbackCode(status)]
}

func fallbackCode(status int) string {
	if status == 409 || status == 412 {
		return "id_conflict"
	}
	return codeByStatus(status)
}

func fieldText(code string, params []string, lang language) string {
	t, ok := fieldTexts[code]
	if !ok {
		t = fieldTexts[keyInvalidValue]
	}
	message := t.in(lang)
	if len(params) == 0 {
		return message
	}
	args := make([]any, len(params))
	for i := range params {
		args[i] = params[i]
	}
	return fmt.Sprintf(message, args...)
}

// Code is one code of the contract with its texts, for the documentation.
type Code struct {
	Code string
	// Status is the HTTP status of a problem's code, 0 for the codes of single members.
	Status           int
	Chinese, English string
	// Field marks the codes that stand in errors[].
	Field bool
}

// Codes are all codes, those of problems first, each part sorted.
func Codes() []Code {
	codes := make([]Code, 0, len(problems)+len(fieldTexts))
	for code, t := range problems {
		codes = append(codes, Code{
			Code: code, Status: t.status,
			Chinese: t.title.zh + "。" + t.detail.zh, English: t.title.en + ". " + t.detail.en,
		})
	}
	for code, t := range fieldTexts {
		codes = append(codes, Code{Code: code, Chinese: t.zh, English: t.en, Field: true})
	}
	sort.Slice(codes, func(i, j int) bool {
		if codes[i].Field != codes[j].Field {
			return codes[j].Field
		}
		return codes[i].Code < codes[j].Code
	})
	return codes
}
