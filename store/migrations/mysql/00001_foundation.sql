-- +goose Up
-- Instants are microseconds since 1970 in UTC; ids are UUIDs in sixteen bytes; flags are 0 or 1.
-- utf8mb4_bin compares as SQLite does: by bytes, without folding case.

CREATE TABLE meta (
    name VARCHAR(200) NOT NULL PRIMARY KEY,
    value VARCHAR(200) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE signing_keys (
    id BIGINT NOT NULL PRIMARY KEY,
    secret VARBINARY(64) NOT NULL,
    created_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE departments (
    id BINARY(16) NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    head_id BINARY(16),
    leader_id BINARY(16),
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT departments_name UNIQUE (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX departments_head ON departments (head_id);
CREATE INDEX departments_leader ON departments (leader_id);

CREATE TABLE enterprises (
    id BINARY(16) NOT NULL PRIMARY KEY,
    credit_code VARCHAR(18) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(200) NOT NULL,
    search_text VARCHAR(2000) NOT NULL,
    industry VARCHAR(200) NOT NULL,
    above_scale TINYINT NOT NULL,
    address VARCHAR(200) NOT NULL,
    latitude DOUBLE,
    longitude DOUBLE,
    accuracy_m DOUBLE,
    crs VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin,
    resumption_state VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    resumed_on VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT enterprises_credit_code UNIQUE (credit_code)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX enterprises_created ON enterprises (created_at, id);

CREATE TABLE contacts (
    id BINARY(16) NOT NULL PRIMARY KEY,
    enterprise_id BINARY(16) NOT NULL,
    place INT NOT NULL,
    name VARCHAR(200) NOT NULL,
    phone VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    title VARCHAR(200) NOT NULL,
    CONSTRAINT contacts_place UNIQUE (enterprise_id, place),
    CONSTRAINT contacts_fk_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES enterprises (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE users (
    id BINARY(16) NOT NULL PRIMARY KEY,
    phone VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name VARCHAR(200) NOT NULL,
    password_hash VARCHAR(200) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    must_change_password TINYINT NOT NULL,
    department_id BINARY(16),
    enterprise_id BINARY(16),
    main_leader TINYINT NOT NULL,
    language VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    active TINYINT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT users_phone UNIQUE (phone),
    CONSTRAINT users_fk_department_id FOREIGN KEY (department_id) REFERENCES departments (id),
    CONSTRAINT users_fk_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES enterprises (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX users_department ON users (department_id);
CREATE INDEX users_enterprise ON users (enterprise_id);
CREATE INDEX users_created ON users (created_at, id);

CREATE TABLE user_roles (
    user_id BINARY(16) NOT NULL,
    role VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    PRIMARY KEY (user_id, role),
    CONSTRAINT user_roles_fk_user_id FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX user_roles_role ON user_roles (role, user_id);

CREATE TABLE sessions (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    device_id BINARY(16),
    generation BIGINT NOT NULL,
    refresh_hash BINARY(32) NOT NULL,
    previous_hash BINARY(32),
    created_at BIGINT NOT NULL,
    used_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    ended_at BIGINT,
    end_reason VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin,
    CONSTRAINT sessions_fk_user_id FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX sessions_user ON sessions (user_id, created_at);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE login_attempts (
    id CHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    failures INT NOT NULL,
    started_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX login_attempts_started ON login_attempts (started_at);

CREATE TABLE stream_tickets (
    hash BINARY(32) NOT NULL PRIMARY KEY,
    session_id BINARY(16) NOT NULL,
    expires_at BIGINT NOT NULL,
    CONSTRAINT stream_tickets_fk_session_id FOREIGN KEY (session_id) REFERENCES sessions (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX stream_tickets_expiry ON stream_tickets (expires_at);
CREATE INDEX stream_tickets_session ON stream_tickets (session_id);

CREATE TABLE devices (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    session_id BINARY(16) NOT NULL,
    platform VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    provider VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    push_token VARCHAR(4096) NOT NULL,
    token_hash BINARY(32) NOT NULL,
    name VARCHAR(200) NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT devices_fk_user_id FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX devices_token ON devices (token_hash);
CREATE INDEX devices_user ON devices (user_id);

CREATE TABLE campaigns (
    id BINARY(16) NOT NULL PRIMARY KEY,
    name VARCHAR(200) NOT NULL,
    activity VARCHAR(200) NOT NULL,
    starts_on VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    ends_on VARCHAR(10) CHARACTER SET ascii COLLATE ascii_bin,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT campaigns_name UNIQUE (name)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX campaigns_created ON campaigns (created_at, id);

CREATE TABLE assignments (
    id BINARY(16) NOT NULL PRIMARY KEY,
    campaign_id BINARY(16) NOT NULL,
    enterprise_id BINARY(16) NOT NULL,
    cadre_id BINARY(16) NOT NULL,
    starts_at BIGINT NOT NULL,
    ends_at BIGINT,
    active TINYINT,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    CONSTRAINT assignments_active UNIQUE (campaign_id, enterprise_id, cadre_id, active),
    CONSTRAINT assignments_fk_campaign_id FOREIGN KEY (campaign_id) REFERENCES campaigns (id),
    CONSTRAINT assignments_fk_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES enterprises (id),
    CONSTRAINT assignments_fk_cadre_id FOREIGN KEY (cadre_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX assignments_cadre ON assignments (cadre_id, enterprise_id, starts_at);
CREATE INDEX assignments_enterprise ON assignments (enterprise_id, cadre_id);
CREATE INDEX assignments_campaign ON assignments (campaign_id, created_at, id);

CREATE TABLE visits (
    id BINARY(16) NOT NULL PRIMARY KEY,
    enterprise_id BINARY(16) NOT NULL,
    campaign_id BINARY(16),
    author_id BINARY(16) NOT NULL,
    department_id BINARY(16),
    started_at BIGINT NOT NULL,
    ended_at BIGINT,
    purpose VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    remark MEDIUMTEXT NOT NULL,
    participants TEXT NOT NULL,
    latitude DOUBLE,
    longitude DOUBLE,
    accuracy_m DOUBLE,
    crs VARCHAR(8) CHARACTER SET ascii COLLATE ascii_bin,
    mock TINYINT NOT NULL,
    photo_ids TEXT NOT NULL,
    problem_count INT NOT NULL,
    has_problems TINYINT NOT NULL,
    clock_skew_ms BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT visits_fk_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES enterprises (id),
    CONSTRAINT visits_fk_campaign_id FOREIGN KEY (campaign_id) REFERENCES campaigns (id),
    CONSTRAINT visits_fk_author_id FOREIGN KEY (author_id) REFERENCES users (id),
    CONSTRAINT visits_fk_department_id FOREIGN KEY (department_id) REFERENCES departments (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX visits_received ON visits (received_at, id);
CREATE INDEX visits_enterprise ON visits (enterprise_id, received_at, id);
CREATE INDEX visits_author ON visits (author_id, received_at, id);
CREATE INDEX visits_department ON visits (department_id, received_at, id);
CREATE INDEX visits_problems ON visits (has_problems, received_at, id);
CREATE INDEX visits_campaign ON visits (campaign_id, received_at, id);

CREATE TABLE visit_versions (
    visit_id BINARY(16) NOT NULL,
    version BIGINT NOT NULL,
    actor_id BINARY(16) NOT NULL,
    content MEDIUMTEXT NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (visit_id, version),
    CONSTRAINT visit_versions_fk_visit_id FOREIGN KEY (visit_id) REFERENCES visits (id),
    CONSTRAINT visit_versions_fk_actor_id FOREIGN KEY (actor_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE category_routes (
    category VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    department_id BINARY(16) NOT NULL,
    CONSTRAINT category_routes_fk_department_id FOREIGN KEY (department_id) REFERENCES departments (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE problems (
    id BINARY(16) NOT NULL PRIMARY KEY,
    enterprise_id BINARY(16) NOT NULL,
    visit_id BINARY(16),
    place INT NOT NULL,
    reporter_id BINARY(16) NOT NULL,
    reporter_department_id BINARY(16),
    category VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    urgency VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    title VARCHAR(200) NOT NULL,
    description MEDIUMTEXT NOT NULL,
    state VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    department_id BINARY(16),
    happened_at BIGINT NOT NULL,
    reported_at BIGINT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    CONSTRAINT problems_fk_enterprise_id FOREIGN KEY (enterprise_id) REFERENCES enterprises (id),
    CONSTRAINT problems_fk_visit_id FOREIGN KEY (visit_id) REFERENCES visits (id),
    CONSTRAINT problems_fk_reporter_id FOREIGN KEY (reporter_id) REFERENCES users (id),
    CONSTRAINT problems_fk_reporter_department_id FOREIGN KEY (reporter_department_id) REFERENCES departments (id),
    CONSTRAINT problems_fk_department_id FOREIGN KEY (department_id) REFERENCES departments (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX problems_reported ON problems (reported_at, id);
CREATE INDEX problems_enterprise ON problems (enterprise_id, reported_at, id);
CREATE INDEX problems_reporter ON problems (reporter_id, reported_at, id);
CREATE INDEX problems_reporter_department ON problems (reporter_department_id, reported_at, id);
CREATE INDEX problems_department ON problems (department_id, reported_at, id);
CREATE INDEX problems_routed ON problems (enterprise_id, department_id);
CREATE INDEX problems_visit ON problems (visit_id, place);

CREATE TABLE notifications (
    id BINARY(16) NOT NULL PRIMARY KEY,
    user_id BINARY(16) NOT NULL,
    kind VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject_type VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    subject_id BINARY(16) NOT NULL,
    params TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    read_at BIGINT,
    CONSTRAINT notifications_once UNIQUE (user_id, kind, subject_id),
    CONSTRAINT notifications_fk_user_id FOREIGN KEY (user_id) REFERENCES users (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX notifications_inbox ON notifications (user_id, created_at, id);
CREATE INDEX notifications_unread ON notifications (user_id, read_at, created_at, id);

CREATE TABLE deliveries (
    id BINARY(16) NOT NULL PRIMARY KEY,
    notification_id BINARY(16) NOT NULL,
    device_id BINARY(16) NOT NULL,
    state VARCHAR(20) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempts INT NOT NULL,
    due_at BIGINT NOT NULL,
    lease_owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    CONSTRAINT deliveries_once UNIQUE (notification_id, device_id),
    CONSTRAINT deliveries_fk_notification_id FOREIGN KEY (notification_id) REFERENCES notifications (id)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX deliveries_due ON deliveries (state, due_at, id);
CREATE INDEX deliveries_device ON deliveries (device_id);

CREATE TABLE operations (
    id BINARY(16) NOT NULL PRIMARY KEY,
    operation VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    actor_id BINARY(16) NOT NULL,
    fingerprint BINARY(32) NOT NULL,
    record_id BINARY(16) NOT NULL,
    answer MEDIUMTEXT,
    created_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE streams (
    name VARBINARY(17) NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE changes (
    stream VARBINARY(17) NOT NULL,
    seq BIGINT NOT NULL,
    kind VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    record_id BINARY(16) NOT NULL,
    PRIMARY KEY (stream, seq)
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE audit (
    id BINARY(16) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_id BINARY(16),
    session_id BINARY(16),
    request_id VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    operation VARCHAR(60) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    kind VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    record_id BINARY(16) NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
CREATE INDEX audit_record ON audit (record_id, id);

CREATE TABLE leases (
    name VARCHAR(40) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    owner VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    expires_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

-- Departments and users name each other, so these two keys come last.
ALTER TABLE departments
    ADD CONSTRAINT departments_fk_head_id FOREIGN KEY (head_id) REFERENCES users (id),
    ADD CONSTRAINT departments_fk_leader_id FOREIGN KEY (leader_id) REFERENCES users (id);
