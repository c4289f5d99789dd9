package models

import (
	"fmt"
	"strconv"
	"time"
)

// Notification is one line of somebody's inbox (通知). Its text is made when it is read, in the reader's language.
type Notification struct {
	ID        ID
	UserID    ID
	Kind      string
	Subject   Subject
	Params    map[string]string
	CreatedAt time.Time
	ReadAt    *time.Time
}

// Subject is the record a notification is about.
type Subject struct {
	Type string
	ID   ID
}

// Notice is what shall be told, and to whom. Every user is told once, however many ways lead to them.
type Notice struct {
	Kind     string
	Subject  Subject
	Params   map[string]string
	Audience Audience
}

// Audience says who is told. Names of posts are resolved in the transaction that tells.
type Audience struct {
	Users        []ID
	HeadOf       *ID // the department's head (负责人)
	LeaderOf     *ID // the leader in charge of the department (分管领导)
	Dispatchers  bool
	MainLeaders  bool
	ExceptUserID ID // whoever caused it need not be told
}

const (
	// NoticeVisitRecorded tells that a visit was recorded.
	NoticeVisitRecorded = "visit_recorded"
	// NoticeSessionReused tells that a used refresh token came again and its session was ended.
	NoticeSessionReused = "refresh_token_reused"
)

// VisitRecorded tells the cadre's head; the dispatcher when there are problems; the leader in charge and the main
// leader when one of them is urgent or critical.
func VisitRecorded(v Visit, author Actor, enterpriseName string) Notice {
	gravest := Gravest(v.Problems)
	grave := gravest == UrgencyUrgent || gravest == UrgencyCritical
	n := Notice{
		Kind:    NoticeVisitRecorded,
		Subject: Subject{Type: "visit", ID: v.ID},
		Params: map[string]string{
			"enterprise": enterpriseName,
			"author":     author.Name,
			"problems":   strconv.Itoa(len(v.Problems)),
			"urgency":    string(gravest),
		},
		Audience: Audience{
			HeadOf: v.DepartmentID, Dispatchers: len(v.Problems) > 0, MainLeaders: grave, ExceptUserID: author.UserID,
		},
	}
	if grave {
		n.Audience.LeaderOf = v.DepartmentID
	}
	return n
}

// SessionReused tells the owner of a session that it was ended for safety.
func SessionReused(owner, session ID) Notice {
	return Notice{
		Kind: NoticeSessionReused, Subject: Subject{Type: "session", ID: session},
		Audience: Audience{Users: []ID{owner}},
	}
}

// Text is the notification as a person reads it; lang is "zh-CN" or "en".
func (n Notification) Text(lang string) (title, body string) {
	english := lang == "en"
	switch n.Kind {
	case NoticeVisitRecorded:
		return n.visitText(english)
	case NoticeSessionReused:
		if english {
			return "You were logged out for safety", "A used login of yours was presented again on another phone, so it was ended. If that was not you, change your password."
		}
		return "为保障账号安全，您的一处登录已退出", "系统发现您已用过的登录凭证再次出现，已将该处登录退出。如非本人操作，请尽快修改密码。"
	}
	return n.Kind, ""
}

func (n Notification) visitText(english bool) (title, body string) {
	enterprise, author, problems := n.Params["enterprise"], n.Params["author"], n.Params["problems"]
	urgency := Urgency(n.Params["urgency"])
	if english {
		switch {
		case problems == "0":
			return "Visit: " + enterprise, author + " visited " + enterprise + "; no problems were raised."
		case urgency == UrgencyNormal:
			return "Problems at " + enterprise, fmt.Sprintf("%s visited %s and brought back %s problem(s).", author, enterprise, problems)
		}
		return fmt.Sprintf("%s problem at %s", map[Urgency]string{UrgencyUrgent: "Urgent", UrgencyCritical: "Critical"}[urgency], enterprise),
			fmt.Sprintf("%s visited %s and brought back %s problem(s), at least one of them %s.", author, enterprise, problems, urgency)
	}
	switch {
	case problems == "0":
		return "走访：" + enterprise, fmt.Sprintf("%s走访了%s，企业未反映问题。", author, enterprise)
	case urgency == UrgencyNormal:
		return "企业问题：" + enterprise, fmt.Sprintf("%s走访了%s，收集问题%s个。", author, enterprise, problems)
	}
	grade := map[Urgency]string{UrgencyUrgent: "紧急", UrgencyCritical: "特急"}[urgency]
	return grade + "问题：" + enterprise, fmt.Sprintf("%s走访了%s，收集问题%s个，含%s问题，请及时处理。", author, enterprise, problems, grade)
}
