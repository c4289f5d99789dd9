package handlers_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/pb33f/libopenapi"

	"lianqi/internal/testkit/world"
	"lianqi/models"
)

// vocabulary are the codes of the models by the member or parameter that carries them: the contract states them in tags,
// which no compiler holds to the constants.
var vocabulary = map[string][]string{
	"category":   codes(models.Categories),
	"urgency":    codes(models.Urgencies),
	"purpose":    codes(models.Purposes),
	"role":       codes(models.Roles),
	"roles":      codes(models.Roles),
	"resumption": codes(models.Resumptions),
}

func codes[T ~string](list []T) []string {
	texts := make([]string, len(list))
	for i, code := range list {
		texts[i] = string(code)
	}
	return texts
}

func TestContractKnowsTheCodesOfTheModels(t *testing.T) {
	text, _, err := world.New(t).API.Spec()
	if err != nil {
		t.Fatal(err)
	}
	document, err := libopenapi.NewDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	enumerated(*document.GetSpecInfo().GetSpecJSON(), func(name string, enum []string) {
		if want, ok := vocabulary[name]; ok {
			seen[name] = true
			if !slices.Equal(enum, want) {
				t.Errorf("%s can be %v in the contract and %v in the models", name, enum, want)
			}
		}
	})
	for name := range maps.Keys(vocabulary) {
		if !seen[name] {
			t.Errorf("nothing of the contract is called %s", name)
		}
	}
}

// enumerated finds every member and parameter of the contract that is one of a list, or a list of such.
func enumerated(node any, found func(name string, enum []string)) {
	look := func(name string, schema any) {
		s, _ := schema.(map[string]any)
		if items, ok := s["items"].(map[string]any); ok {
			s = items
		}
		list, _ := s["enum"].([]any)
		enum := make([]string, len(list))
		for i, code := range list {
			enum[i], _ = code.(string)
		}
		if len(enum) > 0 {
			found(name, enum)
		}
	}
	switch n := node.(type) {
	case []any:
		for _, inner := range n {
			enumerated(inner, found)
		}
	case map[string]any:
		if name, ok := n["name"].(string); ok {
			look(name, n["schema"])
		}
		properties, _ := n["properties"].(map[string]any)
		for name, schema := range properties {
			look(name, schema)
		}
		for _, inner := range n {
			enumerated(inner, found)
		}
	}
}
