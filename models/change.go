package models

// RecordKind names a kind of record in change streams, the audit and subjects of notifications.
type RecordKind string

const (
	KindEnterprise   RecordKind = "enterprise"
	KindAssignment   RecordKind = "assignment"
	KindVisit        RecordKind = "visit"
	KindProblem      RecordKind = "problem"
	KindNotification RecordKind = "notification"
	KindUser         RecordKind = "user"
	KindDepartment   RecordKind = "department"
	KindCampaign     RecordKind = "campaign"
	KindSession      RecordKind = "session"
	KindDevice       RecordKind = "device"
)

// Stream is a numbered sequence of changes that concern the same people: an enterprise, a department, a user or a
// part of the zone. Its name is a letter with the sixteen bytes of an id, or with the digit of a part of the zone.
type Stream string

// UserStream carries what concerns one user alone.
func UserStream(id ID) Stream { return Stream("u" + string(id[:])) }

// EnterpriseStream carries everything about one enterprise.
func EnterpriseStream(id ID) Stream { return Stream("e" + string(id[:])) }

// DepartmentStream carries what members of a department did and what was routed to it.
func DepartmentStream(id ID) Stream { return Stream("d" + string(id[:])) }

const hexDigits = "0123456789abcdef"

// ZoneStream carries everything about the enterprises that share its last digit. The zone has sixteen, so that its
// writers do not queue for one counter.
func ZoneStream(enterprise ID) Stream { return Stream("z" + hexDigits[enterprise[15]&15:][:1]) }

// ID is what the stream is about, the zero id for a part of the zone.
func (s Stream) ID() (id ID) {
	if len(s) == 1+len(id) {
		copy(id[:], s[1:])
	}
	return id
}

// ZoneStreams are the sixteen streams of the zone.
func ZoneStreams() []Stream {
	streams := make([]Stream, len(hexDigits))
	for i := range hexDigits {
		streams[i] = Stream("z" + hexDigits[i:i+1])
	}
	return streams
}

// Change is one entry of a stream: the record is fetched when the change is read.
type Change struct {
	Stream   Stream
	Seq      int64
	Kind     RecordKind
	RecordID ID
}
