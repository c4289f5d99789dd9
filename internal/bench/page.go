//go:build linux

package main

import (
	"database/sql"
	"encoding/base64"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
)

// pageSize is the default of the contract.
const pageSize = 20

// list answers GET /api/v1/visits.
func (b *bare) list(c *gin.Context) {
	who := c.MustGet(callerKey).(caller)
	w := <-b.readers
	answer, err := readPage(w, who)
	b.readers <- w
	if err != nil {
		c.String(http.StatusInternalServerError, err.Error())
		return
	}
	c.JSON(http.StatusOK, answer)
}

var order = " ORDER BY received_at DESC, id DESC LIMIT " + strconv.Itoa(pageSize+1)

// visitsQuery is the page of a caller: the newest of each enterprise and of their own, or of all for the leader.
func visitsQuery(who caller) (query string, args []any) {
	if who.leader {
		return "SELECT " + visitColumns + " FROM visits WHERE 1 = 1" + order, nil
	}
	part := func(condition string, i int) string {
		return "SELECT id FROM (SELECT id FROM visits WHERE " + condition + order + ") s" + strconv.Itoa(i)
	}
	parts := make([]string, 0, len(who.enterprises)+1)
	for i, e := range who.enterprises {
		parts, args = append(parts, part("enterprise_id = ?", i)), append(args, e)
	}
	parts, args = append(parts, part("author_id = ?", len(parts))), append(args, who.id)
	return "SELECT " + visitColumns + " FROM (SELECT id AS key_id FROM (" + strings.Join(parts, " UNION ") + ") u) k CROSS JOIN visits ON id = key_id" + order, args
}

func readPage(w *worker, who caller) (p page, err error) {
	query, args := visitsQuery(who)
	visits := make([]visit, 0, pageSize+1)
	err = w.query(func(rows *sql.Rows) error {
		v, err := scanVisit(rows)
		visits = append(visits, v)
		return err
	}, query, args...)
	if err != nil || len(visits) == 0 {
		return p, err
	}
	if len(visits) > pageSize {
		visits = visits[:pageSize]
		last := visits[pageSize-1]
		p.NextCursor = base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(last.ReceivedAt.UnixMicro(), 10) + " " + last.ID.String()))
	}
	ids, place := make([]any, len(visits)), make(map[uuid.UUID]int, len(visits))
	for i := range visits {
		ids[i], place[visits[i].ID] = visits[i].ID, i
	}
	p.Items = visits
	return p, w.query(func(rows *sql.Rows) error {
		found, err := scanProblem(rows)
		if err == nil {
			v := &visits[place[*found.VisitID]]
			v.Problems = append(v.Problems, found)
		}
		return err
	}, "SELECT "+problemColumns+" FROM problems WHERE visit_id IN "+listOf(len(ids))+" ORDER BY visit_id, place", ids...)
}
