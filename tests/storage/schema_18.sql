CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    soeid         TEXT NOT NULL CHECK (soeid <> ''),
    role_name     TEXT NOT NULL CHECK (role_name IN ('admin', 'analyst', 'viewer')),
    password_hash TEXT,
    created_at    TEXT NOT NULL,
    removed_at    TEXT
) STRICT;
CREATE UNIQUE INDEX users_soeid ON users (soeid COLLATE NOCASE) WHERE removed_at IS NULL;
CREATE INDEX users_of_soeid ON users (soeid COLLATE NOCASE);
CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash TEXT NOT NULL UNIQUE CHECK (length(token_hash) = 64),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    kind       TEXT NOT NULL CHECK (kind IN ('session', 'named', 'operator')),
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,
    CHECK (kind = 'named' OR expires_at IS NOT NULL)
) STRICT;
CREATE INDEX tokens_of_user ON tokens (user_id);
CREATE TABLE sign_in_links (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id),
    code_hash  TEXT NOT NULL UNIQUE CHECK (length(code_hash) = 64),
    expires_at TEXT NOT NULL
) STRICT;
CREATE TABLE invitations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    address    TEXT NOT NULL CHECK (address <> ''),
    role_name  TEXT NOT NULL CHECK (role_name IN ('admin', 'analyst', 'viewer')),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    code_hash  TEXT NOT NULL UNIQUE CHECK (length(code_hash) = 64),
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    sent_at    TEXT,
    problem    TEXT
) STRICT;
CREATE UNIQUE INDEX invitations_address ON invitations (address COLLATE NOCASE);
CREATE TABLE identities (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    issuer  TEXT NOT NULL CHECK (issuer <> ''),
    subject TEXT NOT NULL CHECK (subject <> ''),
    UNIQUE (issuer, subject)
) STRICT;
CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    tags        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags) AND json_type(tags) = 'array'),
    created_by  INTEGER NOT NULL REFERENCES users (id),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    removed_at  TEXT,
    require_columns INTEGER NOT NULL DEFAULT 0 CHECK (require_columns IN (0, 1))
) STRICT;
CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE) WHERE removed_at IS NULL;
CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;
CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;
CREATE TABLE user_quotas (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    size_mb INTEGER NOT NULL CHECK (size_mb >= 0)
) STRICT;
CREATE TABLE dataset_quotas (
    dataset_id INTEGER PRIMARY KEY REFERENCES datasets (id),
    size_mb    INTEGER NOT NULL CHECK (size_mb >= 0)
) STRICT;
CREATE TABLE dataset_permissions (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
    PRIMARY KEY (dataset_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX dataset_permissions_of_user ON dataset_permissions (user_id, dataset_id, level);
CREATE TABLE groups (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL CHECK (name <> ''),
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX groups_name ON groups (name COLLATE NOCASE);
CREATE TABLE group_members (
    group_id INTEGER NOT NULL REFERENCES groups (id),
    user_id  INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (group_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_members_of_user ON group_members (user_id, group_id);
CREATE TABLE invitation_groups (
    invitation_id INTEGER NOT NULL REFERENCES invitations (id),
    group_id      INTEGER NOT NULL REFERENCES groups (id),
    PRIMARY KEY (invitation_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_groups_of_group ON invitation_groups (group_id);
CREATE TABLE group_permissions (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    group_id   INTEGER NOT NULL REFERENCES groups (id),
    level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
    PRIMARY KEY (dataset_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_permissions_of_group ON group_permissions (group_id, dataset_id, level);
CREATE VIEW dataset_access AS
SELECT dataset_id, user_id, level FROM dataset_permissions
UNION ALL
SELECT dataset_id, user_id, level
FROM group_members JOIN group_permissions USING (group_id)
UNION ALL
SELECT dataset_id, users.id, level FROM group_permissions CROSS JOIN users WHERE group_id = 1;
INSERT INTO groups (id, name, created_at)
VALUES (1, 'everyone', strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00');
CREATE TRIGGER groups_everyone_stays BEFORE DELETE ON groups WHEN OLD.id = 1
BEGIN SELECT RAISE(ABORT, 'the group everyone always exists'); END;
CREATE TRIGGER groups_everyone_has_its_name BEFORE UPDATE ON groups WHEN OLD.id = 1
BEGIN SELECT RAISE(ABORT, 'the group everyone keeps its name'); END;
CREATE TABLE connections (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    prefix      TEXT NOT NULL CHECK (prefix <> ''),
    credentials TEXT NOT NULL DEFAULT '',
    created_at  TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX connections_name ON connections (name COLLATE NOCASE);
CREATE TRIGGER connections_keep_their_names BEFORE UPDATE OF name ON connections
BEGIN SELECT RAISE(ABORT, 'a connection keeps its name'); END;
CREATE TABLE connection_users (
    connection_id INTEGER NOT NULL REFERENCES connections (id),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (connection_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE connection_groups (
    connection_id INTEGER NOT NULL REFERENCES connections (id),
    group_id      INTEGER NOT NULL REFERENCES groups (id),
    PRIMARY KEY (connection_id, group_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX connection_groups_of_group ON connection_groups (group_id);
CREATE TABLE commits (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    id         TEXT NOT NULL CHECK (length(id) = 64),
    parent_id  TEXT,
    author_id  INTEGER NOT NULL REFERENCES users (id),
    message    TEXT NOT NULL,
    created_at TEXT NOT NULL,
    manifest   TEXT NOT NULL CHECK (json_valid(manifest)),
    PRIMARY KEY (dataset_id, id),
    FOREIGN KEY (dataset_id, parent_id) REFERENCES commits (dataset_id, id)
) STRICT;
CREATE TRIGGER commits_never_change BEFORE UPDATE ON commits
BEGIN SELECT RAISE(ABORT, 'a commit never changes'); END;
CREATE TABLE commit_files (
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    PRIMARY KEY (sha256, dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE refs (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    commit_id  TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (dataset_id, name),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX refs_changed ON refs (updated_at);
CREATE TABLE row_keys (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    columns    TEXT NOT NULL CHECK (json_valid(columns)),
    duplicates TEXT NOT NULL CHECK (duplicates IN ('refuse', 'number')),
    set_at     TEXT NOT NULL,
    set_by     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (dataset_id, table_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE data_contracts (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    terms      TEXT NOT NULL CHECK (json_valid(terms)),
    set_at     TEXT NOT NULL,
    set_by     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (dataset_id, table_key)
) STRICT, WITHOUT ROWID;
CREATE TABLE kept_apart (
    job_id      TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    dataset_id  INTEGER NOT NULL REFERENCES datasets (id),
    ref_name    TEXT NOT NULL,
    apart_ref   TEXT NOT NULL,
    failures    TEXT NOT NULL CHECK (json_valid(failures)),
    row_keys    TEXT NOT NULL CHECK (json_valid(row_keys)),
    at          TEXT NOT NULL,
    accepted_at TEXT,
    accepted_by INTEGER REFERENCES users (id),
    reason      TEXT,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK ((accepted_at IS NULL) = (reason IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_apart_of_dataset ON kept_apart (dataset_id, at);
CREATE TABLE panels (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    round      TEXT NOT NULL CHECK (json_valid(round)),
    rotation   TEXT NOT NULL,
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX panels_name ON panels (dataset_id, name COLLATE NOCASE);
CREATE INDEX panels_of_user ON panels (user_id);
CREATE TABLE left_commits (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    left_at    TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE bin (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    ref_name   TEXT,
    commit_id  TEXT,
    deleted_by INTEGER NOT NULL REFERENCES users (id),
    deleted_at TEXT NOT NULL,
    purged_at  TEXT,
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id),
    CHECK ((ref_name IS NULL) = (commit_id IS NULL))
) STRICT;
CREATE INDEX bin_of_commit ON bin (dataset_id, commit_id);
CREATE INDEX bin_deleted_at ON bin (deleted_at) WHERE purged_at IS NULL;
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT NOT NULL UNIQUE,
    run_type         TEXT NOT NULL
                     CHECK (run_type IN ('sampling', 'import', 'exploration', 'profiling')),
    status           TEXT NOT NULL DEFAULT 'pending'
                     CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    dataset_id       INTEGER NOT NULL REFERENCES datasets (id),
    user_id          INTEGER NOT NULL REFERENCES users (id),
    source_commit_id TEXT,
    run_parameters   TEXT NOT NULL CHECK (json_valid(run_parameters)),
    output_summary   TEXT CHECK (output_summary IS NULL OR json_valid(output_summary)),
    output_commit_id TEXT,
    error_code       TEXT,
    error_message    TEXT,
    progress         REAL NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 100),
    progress_message TEXT NOT NULL DEFAULT '',
    attempt          INTEGER NOT NULL DEFAULT 0 CHECK (attempt >= 0),
    created_at       TEXT NOT NULL,
    started_at       TEXT,
    completed_at     TEXT,
    retry_of         TEXT REFERENCES jobs (id),
    lane             TEXT NOT NULL DEFAULT 'short'
                     CHECK (lane IN ('short', 'long')),
    priority         INTEGER NOT NULL DEFAULT 0
                     CHECK (priority IN (0, 1)),
    not_before       TEXT
                     CHECK (not_before IS NULL OR status = 'pending'),
    request_id       TEXT,
    crashes          INTEGER NOT NULL DEFAULT 0
                     CHECK (crashes >= 0),
    dismissed_at     TEXT
                     CHECK (dismissed_at IS NULL OR status = 'failed'),
    schedule_id      INTEGER,
    FOREIGN KEY (dataset_id, source_commit_id) REFERENCES commits (dataset_id, id),
    FOREIGN KEY (dataset_id, output_commit_id) REFERENCES commits (dataset_id, id),
    CHECK (status <> 'pending' OR (started_at IS NULL AND completed_at IS NULL)),
    CHECK (status <> 'running' OR (started_at IS NOT NULL AND completed_at IS NULL AND attempt > 0)),
    CHECK (status <> 'completed' OR (started_at IS NOT NULL AND completed_at IS NOT NULL
                                     AND output_summary IS NOT NULL AND progress = 100)),
    CHECK (status <> 'failed' OR completed_at IS NOT NULL),
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CHECK ((status = 'failed') = (error_message IS NOT NULL)),
    CHECK (status = 'completed' OR (output_summary IS NULL AND output_commit_id IS NULL))
) STRICT;
CREATE TABLE queue_turns (
    lane     TEXT NOT NULL CHECK (lane IN ('short', 'long')),
    priority INTEGER NOT NULL CHECK (priority IN (0, 1)),
    user_id  INTEGER NOT NULL REFERENCES users (id),
    turn     INTEGER NOT NULL,
    PRIMARY KEY (lane, priority, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX queue_turns_order ON queue_turns (lane, priority, turn);
CREATE TABLE job_log (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    at      TEXT NOT NULL,
    message TEXT NOT NULL
) STRICT;
CREATE INDEX job_log_of_job ON job_log (job_id, id);
CREATE TRIGGER jobs_log_acceptance AFTER INSERT ON jobs
BEGIN
    INSERT INTO job_log (job_id, at, message) VALUES (
        NEW.id, NEW.created_at, 'accepted' || coalesce(', request ' || NEW.request_id, '')
    );
END;
CREATE TRIGGER jobs_log_status AFTER UPDATE OF status ON jobs WHEN NEW.status <> OLD.status
BEGIN
    INSERT INTO job_log (job_id, at, message) VALUES (
        NEW.id,
        CASE NEW.status
            WHEN 'running' THEN NEW.started_at
            WHEN 'pending' THEN strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00'
            ELSE NEW.completed_at
        END,
        CASE NEW.status
            WHEN 'running' THEN 'attempt ' || NEW.attempt || ' started'
            WHEN 'failed' THEN 'failed: ' || NEW.error_message
            ELSE NEW.progress_message
        END
    );
END;
CREATE TRIGGER jobs_log_step AFTER UPDATE OF progress_message ON jobs
WHEN NEW.status = 'running' AND OLD.status = 'running'
     AND NEW.progress_message <> OLD.progress_message
BEGIN
    INSERT INTO job_log (job_id, at, message) VALUES (
        NEW.id, strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00', NEW.progress_message
    );
END;
CREATE TABLE idempotency_keys (
    user_id      INTEGER NOT NULL REFERENCES users (id),
    key          TEXT NOT NULL CHECK (key <> ''),
    request_hash TEXT NOT NULL CHECK (length(request_hash) = 64),
    job_id       TEXT NOT NULL REFERENCES jobs (id),
    created_at   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
CREATE INDEX jobs_waiting ON jobs (lane, user_id, priority, seq) WHERE status = 'pending';
CREATE INDEX jobs_postponed ON jobs (not_before) WHERE not_before IS NOT NULL;
CREATE INDEX jobs_of_output_ref ON jobs (dataset_id, run_parameters ->> '$.output_ref');
CREATE INDEX jobs_listed ON jobs (created_at, seq, dataset_id, run_type, status);
CREATE INDEX jobs_listed_of_dataset
    ON jobs (dataset_id, created_at, seq, user_id, run_type, status,
             run_parameters ->> '$.source_ref');
CREATE INDEX jobs_listed_of_user
    ON jobs (user_id, created_at, seq, dataset_id, run_type, status,
             run_parameters ->> '$.source_ref');
CREATE INDEX jobs_listed_of_status ON jobs (status, created_at, seq, dataset_id, run_type);
CREATE INDEX jobs_unresolved ON jobs (created_at, seq, dataset_id, user_id, run_type)
    WHERE status = 'failed' AND error_code <> 'cancelled' AND dismissed_at IS NULL;
CREATE TRIGGER jobs_start_waiting BEFORE INSERT ON jobs WHEN NEW.status <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a job starts its life waiting'); END;
CREATE TRIGGER jobs_asked_is_asked
BEFORE UPDATE OF seq, run_type, dataset_id, user_id, run_parameters, created_at ON jobs
BEGIN SELECT RAISE(ABORT, 'what a job was asked for never changes'); END;
CREATE TRIGGER jobs_final_is_final BEFORE UPDATE OF status ON jobs
WHEN OLD.status IN ('completed', 'failed')
BEGIN SELECT RAISE(ABORT, 'a finished job never changes its status'); END;
CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX commits_of_author ON commits (author_id);
CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
CREATE INDEX refs_of_commit ON refs (commit_id);
CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
    WHERE source_commit_id IS NOT NULL;
CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
    WHERE output_commit_id IS NOT NULL;
CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX jobs_of_schedule ON jobs (schedule_id) WHERE schedule_id IS NOT NULL;
CREATE INDEX jobs_of_panel ON jobs (run_parameters ->> '$.panel.panel_id')
    WHERE run_parameters ->> '$.panel.panel_id' IS NOT NULL;
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id);
CREATE TABLE comparisons (
    job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    made_at TEXT NOT NULL,
    brief   TEXT NOT NULL CHECK (json_valid(brief)),
    whole   TEXT NOT NULL CHECK (json_valid(whole))
) STRICT;
CREATE TABLE findings (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    row_id      TEXT NOT NULL CHECK (row_id <> ''),
    outcome     TEXT NOT NULL
                CHECK (outcome IN ('ok', 'exception', 'not_applicable', 'not_examinable')),
    audit_value TEXT,
    note        TEXT NOT NULL DEFAULT '',
    deviations  TEXT NOT NULL DEFAULT '[]'
                CHECK (json_valid(deviations) AND (deviations = '[]' OR outcome = 'exception')),
    cause       TEXT CHECK (cause IS NULL OR outcome IN ('exception', 'not_examinable')),
    cause_text  TEXT NOT NULL DEFAULT '',
    user_id     INTEGER NOT NULL REFERENCES users (id),
    at          TEXT NOT NULL
) STRICT;
CREATE INDEX findings_of_row ON findings (job_id, row_id, id);
CREATE TRIGGER findings_never_change BEFORE UPDATE ON findings
BEGIN SELECT RAISE(ABORT, 'a finding never changes'); END;
CREATE TABLE replacements (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id         TEXT NOT NULL REFERENCES jobs (id),
    row_id         TEXT NOT NULL CHECK (row_id <> ''),
    replacement_id TEXT NOT NULL CHECK (replacement_id <> ''),
    reason         TEXT NOT NULL CHECK (reason <> ''),
    user_id        INTEGER NOT NULL REFERENCES users (id),
    at             TEXT NOT NULL,
    UNIQUE (job_id, row_id),
    UNIQUE (job_id, replacement_id)
) STRICT;
CREATE TRIGGER replacements_never_change BEFORE UPDATE ON replacements
BEGIN SELECT RAISE(ABORT, 'a replacement never changes'); END;
CREATE TABLE tested_attributes (
    job_id   TEXT NOT NULL REFERENCES jobs (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    name     TEXT NOT NULL CHECK (name <> ''),
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit_conclusions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    text    TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL
) STRICT;
CREATE INDEX audit_conclusions_of_job ON audit_conclusions (job_id, id);
CREATE TRIGGER audit_conclusions_never_change BEFORE UPDATE ON audit_conclusions
BEGIN SELECT RAISE(ABORT, 'a conclusion never changes'); END;
CREATE TABLE reviews (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    action  TEXT NOT NULL
            CHECK (action IN ('submitted', 'withdrawn', 'returned', 'signed_off', 'reopened')),
    note    TEXT NOT NULL DEFAULT '',
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL,
    evaluation TEXT NOT NULL DEFAULT '{}'
               CHECK (json_valid(evaluation) AND (evaluation = '{}' OR action = 'signed_off'))
) STRICT;
CREATE INDEX reviews_of_job ON reviews (job_id, id);
CREATE TRIGGER reviews_never_change BEFORE UPDATE ON reviews
BEGIN SELECT RAISE(ABORT, 'a review entry never changes'); END;
CREATE TABLE audit_log (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    at             TEXT NOT NULL,
    action         TEXT NOT NULL CHECK (action <> ''),
    user_id        INTEGER,
    user_soeid     TEXT NOT NULL,
    dataset_id     INTEGER,
    object_type    TEXT,
    object_id      TEXT,
    client_address TEXT,
    request_id     TEXT,
    token_id       INTEGER,
    token_kind     TEXT,
    token_name     TEXT,
    details        TEXT NOT NULL CHECK (json_valid(details) AND json_type(details) = 'object'),
    CHECK ((object_type IS NULL) = (object_id IS NULL))
) STRICT;
CREATE INDEX audit_log_at ON audit_log (at);
CREATE INDEX audit_log_of_user ON audit_log (user_id, id);
CREATE INDEX audit_log_of_soeid ON audit_log (user_soeid COLLATE NOCASE, id);
CREATE INDEX audit_log_of_action ON audit_log (action, id);
CREATE INDEX audit_log_of_dataset ON audit_log (dataset_id, id) WHERE dataset_id IS NOT NULL;
CREATE INDEX audit_log_of_object ON audit_log (object_id, id) WHERE object_id IS NOT NULL;
CREATE TRIGGER audit_log_never_changes BEFORE UPDATE ON audit_log
BEGIN SELECT RAISE(ABORT, 'an audit entry never changes'); END;
CREATE TRIGGER audit_log_never_shrinks BEFORE DELETE ON audit_log
BEGIN SELECT RAISE(ABORT, 'an audit entry is never removed'); END;
CREATE TRIGGER audit_log_never_replaces BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry is never replaced'); END;
CREATE TABLE draw_templates (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    body       TEXT NOT NULL CHECK (json_valid(body)),
    created_at TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX draw_templates_name ON draw_templates (user_id, name COLLATE NOCASE);
CREATE TABLE sample_values (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id        TEXT NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    dataset_id    INTEGER NOT NULL REFERENCES datasets (id),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    created_at    TEXT NOT NULL,
    file_name     TEXT NOT NULL,
    upload_sha256 TEXT NOT NULL CHECK (length(upload_sha256) = 64),
    key_columns   TEXT NOT NULL CHECK (json_valid(key_columns)),
    columns       TEXT NOT NULL CHECK (json_valid(columns)),
    notes         TEXT NOT NULL CHECK (json_valid(notes)),
    sha256        TEXT NOT NULL CHECK (length(sha256) = 64),
    rows          INTEGER NOT NULL,
    size_bytes    INTEGER NOT NULL,
    UNIQUE (job_id, number)
) STRICT;
CREATE INDEX sample_values_file ON sample_values (sha256);
CREATE TRIGGER sample_values_never_change BEFORE UPDATE ON sample_values
BEGIN SELECT RAISE(ABORT, 'uploaded values never change'); END;
CREATE TABLE signing_keys (
    key_id     TEXT PRIMARY KEY NOT NULL CHECK (length(key_id) = 64),
    public_key TEXT NOT NULL UNIQUE CHECK (length(public_key) = 64),
    created_at TEXT NOT NULL,
    retired_at TEXT
) STRICT;
CREATE TRIGGER signing_keys_never_change BEFORE UPDATE OF key_id, public_key, created_at
ON signing_keys
BEGIN SELECT RAISE(ABORT, 'a signing key never changes'); END;
CREATE TRIGGER signing_keys_never_shrink BEFORE DELETE ON signing_keys
BEGIN SELECT RAISE(ABORT, 'a signing key is never removed'); END;
CREATE TABLE row_roots (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    table_key  TEXT NOT NULL,
    rows       INTEGER NOT NULL CHECK (rows >= 0),
    root       TEXT NOT NULL CHECK (length(root) = 64),
    secret     BLOB NOT NULL CHECK (length(secret) = 32),
    nodes      BLOB NOT NULL CHECK (length(nodes) % 32 = 0),
    built_at   TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id, table_key),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT;
CREATE TRIGGER row_roots_never_change BEFORE UPDATE ON row_roots
BEGIN SELECT RAISE(ABORT, 'a row root never changes'); END;
CREATE TABLE ledger_entries (
    dataset_id      INTEGER NOT NULL,
    number          INTEGER NOT NULL CHECK (number > 0),
    kind            TEXT NOT NULL
                    CHECK (kind IN ('plan', 'draw', 'replacement', 'deletion', 'restoration',
                                    'row_root')),
    recorded_at     TEXT NOT NULL,
    actor           TEXT NOT NULL,
    body            TEXT NOT NULL CHECK (json_valid(body) AND json_type(body) = 'object'),
    previous_digest TEXT CHECK ((previous_digest IS NULL) = (number = 1)),
    digest          TEXT NOT NULL CHECK (length(digest) = 64),
    PRIMARY KEY (dataset_id, number)
) STRICT, WITHOUT ROWID;
CREATE INDEX ledger_entries_of_job ON ledger_entries (dataset_id, body ->> '$.job_id');
CREATE INDEX ledger_entries_of_plan ON ledger_entries (body ->> '$.plan_id') WHERE kind = 'plan';
CREATE TRIGGER ledger_entries_follow BEFORE INSERT ON ledger_entries
WHEN NEW.number IS NOT (
    SELECT coalesce(max(number), 0) + 1 FROM ledger_entries WHERE dataset_id = NEW.dataset_id
) OR NEW.previous_digest IS NOT (
    SELECT digest FROM ledger_entries WHERE dataset_id = NEW.dataset_id ORDER BY number DESC LIMIT 1
)
BEGIN SELECT RAISE(ABORT, 'a ledger entry follows the last one'); END;
CREATE TRIGGER ledger_entries_never_change BEFORE UPDATE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'a ledger entry never changes'); END;
CREATE TRIGGER ledger_entries_never_shrink BEFORE DELETE ON ledger_entries
BEGIN SELECT RAISE(ABORT, 'a ledger entry is never removed'); END;
CREATE TABLE certificates (
    job_id         TEXT NOT NULL REFERENCES jobs (id),
    issue          INTEGER NOT NULL CHECK (issue > 0),
    issued_at      TEXT NOT NULL,
    replacements   INTEGER NOT NULL CHECK (replacements >= 0),
    payload        TEXT NOT NULL CHECK (json_valid(payload)),
    payload_sha256 TEXT NOT NULL CHECK (length(payload_sha256) = 64),
    PRIMARY KEY (job_id, issue)
) STRICT;
CREATE TRIGGER certificates_never_change BEFORE UPDATE ON certificates
BEGIN SELECT RAISE(ABORT, 'a certificate never changes'); END;
CREATE TABLE receivers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    kind        TEXT NOT NULL CHECK (kind IN ('webhook', 'email')),
    dataset_id  INTEGER,
    address     TEXT NOT NULL CHECK (address <> ''),
    events      TEXT NOT NULL CHECK (json_valid(events) AND json_type(events) = 'array'),
    secret      TEXT CHECK (secret LIKE 'whsec_%'),
    created_at  TEXT NOT NULL,
    disabled_at TEXT,
    CHECK ((kind = 'webhook') = (secret IS NOT NULL)),
    CHECK (kind = 'webhook' OR (dataset_id IS NULL AND disabled_at IS NULL))
) STRICT;
CREATE INDEX receivers_of_user ON receivers (user_id);
CREATE UNIQUE INDEX receivers_email ON receivers (user_id) WHERE kind = 'email';
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id      TEXT NOT NULL UNIQUE,
    receiver_id     INTEGER NOT NULL REFERENCES receivers (id),
    event           TEXT NOT NULL,
    payload         TEXT NOT NULL CHECK (json_valid(payload)),
    created_at      TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    attempted_at    TEXT,
    response_status INTEGER,
    problem         TEXT,
    next_attempt_at TEXT,
    delivered_at    TEXT,
    CHECK (delivered_at IS NULL OR next_attempt_at IS NULL)
) STRICT;
CREATE INDEX deliveries_of_receiver ON deliveries (receiver_id, id);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
CREATE TRIGGER jobs_notify_receivers AFTER UPDATE OF status ON jobs
WHEN NEW.status IN ('completed', 'failed') AND NEW.status <> OLD.status
BEGIN
    INSERT INTO deliveries (message_id, receiver_id, event, payload, created_at, next_attempt_at)
    SELECT 'msg_' || lower(hex(randomblob(16))), receivers.id, heard.value,
           json_object('type', heard.value, 'timestamp', NEW.completed_at,
                       'data', json_object('job_id', NEW.id,
                                           'run_type', NEW.run_type,
                                           'dataset_id', NEW.dataset_id,
                                           'schedule_id', NEW.schedule_id,
                                           'status', NEW.status,
                                           'output_ref', NEW.run_parameters ->> '$.output_ref',
                                           'output_commit_id', NEW.output_commit_id,
                                           'error_code', NEW.error_code)),
           NEW.completed_at, NEW.completed_at
    FROM receivers JOIN json_each(receivers.events) AS heard
    WHERE disabled_at IS NULL
      AND (receivers.dataset_id = NEW.dataset_id
           OR (receivers.dataset_id IS NULL AND receivers.user_id = NEW.user_id))
      AND (kind = 'webhook' OR NEW.error_code IS NOT 'cancelled')
      AND (heard.value = 'job.' || NEW.status
           OR (heard.value = 'schedule.failed'
               AND NEW.status = 'failed' AND NEW.schedule_id IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM json_each(receivers.events)
                               WHERE value = 'job.failed')));
END;
CREATE TRIGGER reviews_notify_receivers AFTER INSERT ON reviews
WHEN NEW.action IN ('submitted', 'returned', 'signed_off')
BEGIN
    INSERT INTO deliveries (message_id, receiver_id, event, payload, created_at, next_attempt_at)
    SELECT 'msg_' || lower(hex(randomblob(16))), receivers.id, heard.value,
           json_object('type', heard.value, 'timestamp', NEW.at,
                       'data', json_object('job_id', NEW.job_id,
                                           'dataset_id', jobs.dataset_id,
                                           'action', NEW.action)),
           NEW.at, NEW.at
    FROM jobs JOIN receivers JOIN users ON users.id = receivers.user_id
         JOIN json_each(receivers.events) AS heard
    WHERE jobs.id = NEW.job_id AND disabled_at IS NULL
      AND heard.value = iif(NEW.action = 'submitted', 'review.requested', 'sample.reviewed')
      AND (receivers.dataset_id = jobs.dataset_id
           OR (receivers.dataset_id IS NULL AND NEW.action <> 'submitted'
               AND users.id = jobs.user_id)
           OR (receivers.dataset_id IS NULL AND NEW.action = 'submitted'
               AND users.role_name <> 'viewer' AND users.id <> NEW.user_id
               AND EXISTS (SELECT 1 FROM dataset_access
                           WHERE dataset_id = jobs.dataset_id AND user_id = users.id
                             AND level <> 'read')
               AND NOT EXISTS (SELECT 1 FROM findings
                               WHERE job_id = NEW.job_id AND user_id = users.id)
               AND NOT EXISTS (SELECT 1 FROM replacements
                               WHERE job_id = NEW.job_id AND user_id = users.id)));
END;
CREATE TABLE schedules (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id   INTEGER NOT NULL REFERENCES datasets (id),
    user_id      INTEGER NOT NULL REFERENCES users (id),
    name         TEXT NOT NULL CHECK (name <> ''),
    run_type     TEXT NOT NULL CHECK (run_type IN ('sampling', 'profiling')),
    request      TEXT NOT NULL CHECK (json_valid(request)),
    cron         TEXT NOT NULL,
    zone         TEXT NOT NULL,
    misfire      TEXT NOT NULL CHECK (misfire IN ('run', 'skip')),
    created_at   TEXT NOT NULL,
    counted_from TEXT NOT NULL,
    next_run_at  TEXT NOT NULL,
    paused_at    TEXT,
    last_run_at  TEXT,
    last_job_id  TEXT,
    problem      TEXT CHECK (json_valid(problem)),
    job_id       TEXT NOT NULL,
    exclude_drawn_by TEXT NOT NULL
                 CHECK (json_valid(exclude_drawn_by)),
    source       TEXT CHECK (json_valid(source)),
    CHECK (run_type = 'sampling' OR exclude_drawn_by = '[]')
) STRICT;
CREATE UNIQUE INDEX schedules_name ON schedules (dataset_id, name COLLATE NOCASE);
CREATE INDEX schedules_of_user ON schedules (user_id);
CREATE TABLE schedule_runs (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id    INTEGER NOT NULL,
    name           TEXT NOT NULL,
    numbers_name   INTEGER NOT NULL CHECK (numbers_name IN (0, 1)),
    began_at       TEXT NOT NULL,
    state          TEXT NOT NULL DEFAULT 'running'
                   CHECK (state IN ('running', 'kept_apart', 'completed', 'failed')),
    data_job_id    TEXT NOT NULL,
    profile_job_id TEXT,
    job_id         TEXT,
    problem        TEXT CHECK (json_valid(problem)),
    ended_at       TEXT,
    CHECK (state IN ('running', 'kept_apart') OR ended_at IS NOT NULL),
    CHECK (state <> 'running' OR ended_at IS NULL)
) STRICT;
CREATE INDEX schedule_runs_of_schedule ON schedule_runs (schedule_id, id);
CREATE INDEX schedule_runs_open ON schedule_runs (id) WHERE ended_at IS NULL;
CREATE TRIGGER schedules_notify_receivers AFTER UPDATE OF problem ON schedules
WHEN NEW.problem IS NOT NULL
BEGIN
    INSERT INTO deliveries (message_id, receiver_id, event, payload, created_at, next_attempt_at)
    SELECT 'msg_' || lower(hex(randomblob(16))), receivers.id, 'schedule.failed',
           json_object('type', 'schedule.failed', 'timestamp', NEW.counted_from,
                       'data', json_object('job_id', NULL,
                                           'run_type', NEW.run_type,
                                           'dataset_id', NEW.dataset_id,
                                           'schedule_id', NEW.id,
                                           'error_code', NEW.problem ->> '$.code')),
           NEW.counted_from, NEW.counted_from
    FROM receivers
    WHERE disabled_at IS NULL
      AND (receivers.dataset_id = NEW.dataset_id
           OR (receivers.dataset_id IS NULL AND receivers.user_id = NEW.user_id))
      AND EXISTS (SELECT 1 FROM json_each(events) WHERE value = 'schedule.failed');
END;
CREATE VIEW needed_files AS
SELECT sha256, dataset_id FROM commit_files
UNION ALL
SELECT sha256, dataset_id FROM sample_values;
