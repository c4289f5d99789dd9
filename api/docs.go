package api

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"
)

// The documentation page is Swagger UI (npm swagger-ui-dist 5.35.0, Apache-2.0), unchanged but for compression, with
// an index and an init script of our own.
//
//go:embed docs
var docsFiles embed.FS

// docsPolicy lets the page load from this server alone. Styles may be inline, because Swagger UI sets them.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

var docsPages = []struct{ path, file, mediaType string }{
	{"/docs", "index.html", "text/html; charset=utf-8"},
	{"/docs/init.js", "init.js", "text/javascript; charset=utf-8"},
	{"/docs/swagger-ui-bundle.js", "swagger-ui-bundle.js.gz", "text/javascript; charset=utf-8"},
	{"/docs/swagger-ui.css", "swagger-ui.css.gz", "text/css; charset=utf-8"},
	{"/docs/favicon.png", "favicon.png", "image/png"},
}

// installDocs serves the documentation page and the spec that it shows.
func (a *API) installDocs() {
	for _, page := range docsPages {
		content, err := docsFiles.ReadFile("docs/" + page.file)
		if err != nil {
			panic("api: documentation page: " + err.Error())
		}
		a.Raw(http.MethodGet, page.path, docsPage(content, page.mediaType, strings.HasSuffix(page.file, ".gz")))
	}
	a.Raw(http.MethodGet, "/openapi.yaml", func(c *gin.Context) {
		yaml, _, err := a.Spec()
		if err != nil {
			a.exchange(c, nil).writeError(c.Request.Context(), err)
			return
		}
		c.Data(http.StatusOK, "application/yaml; charset=utf-8", yaml)
	})
}

func docsPage(content []byte, mediaType string, compressed bool) gin.HandlerFunc {
	return func(c *gin.Context) {
		c.Header("Content-Security-Policy", docsPolicy)
		c.Header("Cache-Control", "no-cache")
		if !compressed {
			c.Data(http.StatusOK, mediaType, content)
			return
		}
		c.Header("Vary", "Accept-Encoding")
		if strings.Contains(c.GetHeader("Accept-Encoding"), "gzip") {
			c.Header("Content-Encoding", "gzip")
			c.Data(http.StatusOK, mediaType, content)
			return
		}
		reader, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			panic(err)
		}
		c.Header("Content-Type", mediaType)
		// A failing copy means that the caller is gone: the content is our own and whole.
		_, _ = io.Copy(c.Writer, reader) //nolint:gosec // it is part of the program
	}
}
