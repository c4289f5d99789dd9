-- +goose Up
-- Instants are microseconds since 1970 in UTC; ids are UUIDs in sixteen bytes; flags are 0 or 1.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    id         INTEGER NOT NULL PRIMARY KEY,
    secret     BLOB    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE departments (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    head_id    BLOB    REFERENCES users (id),
    leader_id  BLOB    REFERENCES users (id),
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT departments_name UNIQUE (name)
) STRICT;
CREATE INDEX departments_head ON departments (head_id);
CREATE INDEX departments_leader ON departments (leader_id);

CREATE TABLE enterprises (
    id               BLOB    NOT NULL PRIMARY KEY,
    credit_code      TEXT    NOT NULL,
    name             TEXT    NOT NULL,
    search_text      TEXT    NOT NULL,
    industry         TEXT    NOT NULL,
    above_scale      INTEGER NOT NULL,
    address          TEXT    NOT NULL,
    latitude         REAL,
    longitude        REAL,
    accuracy_m       REAL,
    crs              TEXT,
    resumption_state TEXT    NOT NULL,
    resumed_on       TEXT,
    version          INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL,
    CONSTRAINT enterprises_credit_code UNIQUE (credit_code)
) STRICT;
CREATE INDEX enterprises_created ON enterprises (created_at, id);

CREATE TABLE contacts (
    id            BLOB    NOT NULL PRIMARY KEY,
    enterprise_id BLOB    NOT NULL REFERENCES enterprises (id),
    place         INTEGER NOT NULL,
    name          TEXT    NOT NULL,
    phone         TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    CONSTRAINT contacts_place UNIQUE (enterprise_id, place)
) STRICT;

CREATE TABLE users (
    id                   BLOB    NOT NULL PRIMARY KEY,
    phone                TEXT    NOT NULL,
    name                 TEXT    NOT NULL,
    password_hash        TEXT    NOT NULL,
    must_change_password INTEGER NOT NULL,
    department_id        BLOB    REFERENCES departments (id),
    enterprise_id        BLOB    REFERENCES enterprises (id),
    main_leader          INTEGER NOT NULL,
    language             TEXT    NOT NULL,
    active               INTEGER NOT NULL,
    version              INTEGER NOT NULL,
    created_at           INTEGER NOT NULL,
    updated_at           INTEGER NOT NULL,
    CONSTRAINT users_phone UNIQUE (phone)
) STRICT;
CREATE INDEX users_department ON users (department_id);
CREATE INDEX users_enterprise ON users (enterprise_id);
CREATE INDEX users_created ON users (created_at, id);

CREATE TABLE user_roles (
    user_id BLOB NOT NULL REFERENCES users (id),
    role    TEXT NOT NULL,
    PRIMARY KEY (user_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_roles_role ON user_roles (role, user_id);

CREATE TABLE sessions (
    id            BLOB    NOT NULL PRIMARY KEY,
    user_id       BLOB    NOT NULL REFERENCES users (id),
    device_id     BLOB,
    generation    INTEGER NOT NULL,
    refresh_hash  BLOB    NOT NULL,
    previous_hash BLOB,
    created_at    INTEGER NOT NULL,
    used_at       INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    end_reason    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_attempts (
    id           TEXT    NOT NULL PRIMARY KEY,
    failures     INTEGER NOT NULL,
    started_at   INTEGER NOT NULL,
    locked_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_attempts_started ON login_attempts (started_at);

CREATE TABLE stream_tickets (
    hash       BLOB    NOT NULL PRIMARY KEY,
    session_id BLOB    NOT NULL REFERENCES sessions (id),
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX stream_tickets_expiry ON stream_tickets (expires_at);
CREATE INDEX stream_tickets_session ON stream_tickets (session_id);

CREATE TABLE devices (
    id         BLOB    NOT NULL PRIMARY KEY,
    user_id    BLOB    NOT NULL REFERENCES users (id),
    session_id BLOB    NOT NULL,
    platform   TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    push_token TEXT    NOT NULL,
    token_hash BLOB    NOT NULL,
    name       TEXT    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX devices_token ON devices (token_hash);
CREATE INDEX devices_user ON devices (user_id);

CREATE TABLE campaigns (
    id         BLOB    NOT NULL PRIMARY KEY,
    name       TEXT    NOT NULL,
    activity   TEXT    NOT NULL,
    starts_on  TEXT    NOT NULL,
    ends_on    TEXT,
    version    INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    CONSTRAINT campaigns_name UNIQUE (name)
) STRICT;
CREATE INDEX campaigns_created ON campaigns (created_at, id);

CREATE TABLE assignments (
    id            BLOB    NOT NULL PRIMARY KEY,
    campaign_id   BLOB    NOT NULL REFERENCES campaigns (id),
    enterprise_id BLOB    NOT NULL REFERENCES enterprises (id),
    cadre_id      BLOB    NOT NULL REFERENCES users (id),
    starts_at     INTEGER NOT NULL,
    ends_at       INTEGER,
    active        INTEGER,
    version       INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    CONSTRAINT assignments_active UNIQUE (campaign_id, enterprise_id, cadre_id, active)
) STRICT;
CREATE INDEX assignments_cadre ON assignments (cadre_id, enterprise_id, starts_at);
CREATE INDEX assignments_enterprise ON assignments (enterprise_id, cadre_id);
CREATE INDEX assignments_campaign ON assignments (campaign_id, created_at, id);

CREATE TABLE visits (
    id            BLOB    NOT NULL PRIMARY KEY,
    enterprise_id BLOB    NOT NULL REFERENCES enterprises (id),
    campaign_id   BLOB    REFERENCES campaigns (id),
    author_id     BLOB    NOT NULL REFERENCES users (id),
    department_id BLOB    REFERENCES departments (id),
    started_at    INTEGER NOT NULL,
    ended_at      INTEGER,
    purpose       TEXT    NOT NULL,
    remark        TEXT    NOT NULL,
    participants  TEXT    NOT NULL,
    latitude      REAL,
    longitude     REAL,
    accuracy_m    REAL,
    crs           TEXT,
    mock          INTEGER NOT NULL,
    photo_ids     TEXT    NOT NULL,
    problem_count INTEGER NOT NULL,
    has_problems  INTEGER NOT NULL,
    clock_skew_ms INTEGER NOT NULL,
    received_at   INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX visits_received ON visits (received_at, id);
CREATE INDEX visits_enterprise ON visits (enterprise_id, received_at, id);
CREATE INDEX visits_author ON visits (author_id, received_at, id);
CREATE INDEX visits_department ON visits (department_id, received_at, id);
CREATE INDEX visits_problems ON visits (has_problems, received_at, id);
CREATE INDEX visits_campaign ON visits (campaign_id, received_at, id);

CREATE TABLE visit_versions (
    visit_id   BLOB    NOT NULL REFERENCES visits (id),
    version    INTEGER NOT NULL,
    actor_id   BLOB    NOT NULL REFERENCES users (id),
    content    TEXT    NOT NULL,
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (visit_id, version)
) STRICT, WITHOUT ROWID;

CREATE TABLE category_routes (
    category      TEXT NOT NULL PRIMARY KEY,
    department_id BLOB NOT NULL REFERENCES departments (id)
) STRICT, WITHOUT ROWID;

CREATE TABLE problems (
    id            BLOB    NOT NULL PRIMARY KEY,
    enterprise_id BLOB    NOT NULL REFERENCES enterprises (id),
    visit_id      BLOB    REFERENCES visits (id),
    place         INTEGER NOT NULL,
    reporter_id   BLOB    NOT NULL REFERENCES users (id),
    reporter_department_id BLOB REFERENCES departments (id),
    category      TEXT    NOT NULL,
    urgency       TEXT    NOT NULL,
    title         TEXT    NOT NULL,
    description   TEXT    NOT NULL,
    state         TEXT    NOT NULL,
    department_id BLOB    REFERENCES departments (id),
    happened_at   INTEGER NOT NULL,
    reported_at   INTEGER NOT NULL,
    version       INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL
) STRICT;
CREATE INDEX problems_reported ON problems (reported_at, id);
CREATE INDEX problems_enterprise ON problems (enterprise_id, reported_at, id);
CREATE INDEX problems_reporter ON problems (reporter_id, reported_at, id);
CREATE INDEX problems_reporter_department ON problems (reporter_department_id, reported_at, id);
CREATE INDEX problems_department ON problems (department_id, reported_at, id);
CREATE INDEX problems_routed ON problems (enterprise_id, department_id);
CREATE INDEX problems_visit ON problems (visit_id, place);

CREATE TABLE notifications (
    id           BLOB    NOT NULL PRIMARY KEY,
    user_id      BLOB    NOT NULL REFERENCES users (id),
    kind         TEXT    NOT NULL,
    subject_type TEXT    NOT NULL,
    subject_id   BLOB    NOT NULL,
    params       TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    read_at      INTEGER,
    CONSTRAINT notifications_once UNIQUE (user_id, kind, subject_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX notifications_inbox ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unread ON notifications (user_id, read_at, created_at, id);

CREATE TABLE deliveries (
    id              BLOB    NOT NULL PRIMARY KEY,
    notification_id BLOB    NOT NULL REFERENCES notifications (id),
    device_id       BLOB    NOT NULL,
    state           TEXT    NOT NULL,
    attempts        INTEGER NOT NULL,
    due_at          INTEGER NOT NULL,
    lease_owner     TEXT,
    last_error      TEXT,
    created_at      INTEGER NOT NULL,
    CONSTRAINT deliveries_once UNIQUE (notification_id, device_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (state, due_at, id);
CREATE INDEX deliveries_device ON deliveries (device_id);

CREATE TABLE operations (
    id          BLOB    NOT NULL PRIMARY KEY,
    operation   TEXT    NOT NULL,
    actor_id    BLOB    NOT NULL,
    fingerprint BLOB    NOT NULL,
    record_id   BLOB    NOT NULL,
    answer      TEXT,
    created_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE streams (
    name BLOB    NOT NULL PRIMARY KEY,
    seq  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE changes (
    stream    BLOB    NOT NULL,
    seq       INTEGER NOT NULL,
    kind      TEXT    NOT NULL,
    record_id BLOB    NOT NULL,
    PRIMARY KEY (stream, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id         BLOB    NOT NULL PRIMARY KEY,
    at         INTEGER NOT NULL,
    actor_id   BLOB,
    session_id BLOB,
    request_id TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    kind       TEXT    NOT NULL,
    record_id  BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX audit_record ON audit (record_id, id);

CREATE TABLE leases (
    name       TEXT    NOT NULL PRIMARY KEY,
    owner      TEXT    NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
