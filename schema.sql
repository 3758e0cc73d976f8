-- All SQLite tables of the job service. The data are in immutable Parquet files. Times are ISO 8601
-- UTC text with microseconds and offset, so that text order is time order. SQLite's user_version is
-- the schema's version; storage/sqlite/schema.py migrates older databases.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    soeid         TEXT NOT NULL CHECK (soeid <> ''),
    role_name     TEXT NOT NULL CHECK (role_name IN ('admin', 'analyst', 'viewer')),
    password_hash TEXT,                       -- scrypt; NULL: no password, no sign-in
    created_at    TEXT NOT NULL,
    removed_at    TEXT                        -- the row stays: jobs and commits reference it
) STRICT;

-- A new user can have a removed user's SOEID. NOCASE: 'BG54677' can sign in as 'bg54677'.
CREATE UNIQUE INDEX users_soeid ON users (soeid COLLATE NOCASE) WHERE removed_at IS NULL;
-- All users that ever had an SOEID, for lists of their jobs.
CREATE INDEX users_of_soeid ON users (soeid COLLATE NOCASE);

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash TEXT NOT NULL UNIQUE CHECK (length(token_hash) = 64),  -- SHA-256; the token isn't stored
    user_id    INTEGER NOT NULL REFERENCES users (id),
    kind       TEXT NOT NULL CHECK (kind IN ('session', 'named', 'operator')),
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    last_used_at TEXT,                        -- of a named token, within a minute
    -- Only a named token can have no expiry.
    CHECK (kind = 'named' OR expires_at IS NOT NULL)
) STRICT;

CREATE INDEX tokens_of_user ON tokens (user_id);

-- One-time links to set a password; at most one for each user.
CREATE TABLE sign_in_links (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id),
    code_hash  TEXT NOT NULL UNIQUE CHECK (length(code_hash) = 64),
    expires_at TEXT NOT NULL
) STRICT;

-- Open invitations by address: one-time links, by which a person becomes a user or joins groups.
CREATE TABLE invitations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    address    TEXT NOT NULL CHECK (address <> ''),
    role_name  TEXT NOT NULL CHECK (role_name IN ('admin', 'analyst', 'viewer')),
    user_id    INTEGER NOT NULL REFERENCES users (id),    -- the administrator who invited
    code_hash  TEXT NOT NULL UNIQUE CHECK (length(code_hash) = 64),  -- SHA-256 of the current link
    created_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    sent_at    TEXT,                          -- when the mail server took the current link
    problem    TEXT                           -- why it didn't
) STRICT;

CREATE UNIQUE INDEX invitations_address ON invitations (address COLLATE NOCASE);

-- Users who sign in by an identity provider. A removed user's row stays, so that the user isn't
-- admitted again.
CREATE TABLE identities (
    user_id INTEGER PRIMARY KEY REFERENCES users (id),
    issuer  TEXT NOT NULL CHECK (issuer <> ''),    -- of OpenID Connect; 'proxy' for a header
    subject TEXT NOT NULL CHECK (subject <> ''),   -- the provider's id of the user
    UNIQUE (issuer, subject)
) STRICT;

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    tags        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags) AND json_type(tags) = 'array'),
    created_by  INTEGER NOT NULL REFERENCES users (id),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,                -- last change of its texts or refs
    removed_at  TEXT,                         -- a removed dataset and its jobs are hidden
    require_columns INTEGER NOT NULL DEFAULT 0 CHECK (require_columns IN (0, 1))
    -- 1: an import must have the columns of the version that it replaces
) STRICT;

-- Not unique: an error must not disclose a dataset that the user can't see, so a rename can give a
-- creator two datasets of the same name.
CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE) WHERE removed_at IS NULL;

-- Lists the latest changed datasets first without a sort.
CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;

-- Excludes removed datasets from lists of all jobs.
CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;

-- Quotas of disk that differ from the settings; 0 is none.
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

-- Groups of users, which have levels in datasets as users have.
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

-- The groups that an invited person joins.
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

-- The levels of users in datasets: their own, those of their groups, and those of everyone. The
-- highest one counts.
CREATE VIEW dataset_access AS
SELECT dataset_id, user_id, level FROM dataset_permissions
UNION ALL
SELECT dataset_id, user_id, level
FROM group_members JOIN group_permissions USING (group_id)
UNION ALL
SELECT dataset_id, users.id, level FROM group_permissions CROSS JOIN users WHERE group_id = 1;

-- The group of all users. It has no rows in group_members.
INSERT INTO groups (id, name, created_at)
VALUES (1, 'everyone', strftime('%Y-%m-%dT%H:%M:%f', 'now') || '000+00:00');

CREATE TRIGGER groups_everyone_stays BEFORE DELETE ON groups WHEN OLD.id = 1
BEGIN SELECT RAISE(ABORT, 'the group everyone always exists'); END;

CREATE TRIGGER groups_everyone_has_its_name BEFORE UPDATE ON groups WHEN OLD.id = 1
BEGIN SELECT RAISE(ABORT, 'the group everyone keeps its name'); END;

-- Connections: places whose files tables attach. Credentials are variables of the server's
-- environment whose names begin with ``credentials``. Manifests name a connection.
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

-- Who may attach files of a connection.
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

-- A commit is immutable: its id is the SHA-256 of its manifest's canonical JSON.
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

-- The data files that a commit references.
CREATE TABLE commit_files (
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    PRIMARY KEY (sha256, dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- A ref names a commit, or none (main of an empty dataset). It moves by compare-and-swap.
CREATE TABLE refs (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    commit_id  TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (dataset_id, name),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- The refs that changed last, for a search.
CREATE INDEX refs_changed ON refs (updated_at);

-- The row key of a table of a dataset: the columns that identify a row in every version.
CREATE TABLE row_keys (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    columns    TEXT NOT NULL CHECK (json_valid(columns)),
    duplicates TEXT NOT NULL CHECK (duplicates IN ('refuse', 'number')),
    set_at     TEXT NOT NULL,
    set_by     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (dataset_id, table_key)
) STRICT, WITHOUT ROWID;

-- Balances of the general ledger that users compared with the sum of a column of a version. An entry
-- never changes; the newest one about a column counts.
CREATE TABLE reconciliations (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id  INTEGER NOT NULL REFERENCES datasets (id),
    commit_id   TEXT NOT NULL CHECK (commit_id <> ''),
    table_key   TEXT NOT NULL CHECK (table_key <> ''),
    column_name TEXT NOT NULL,
    column_sum  TEXT NOT NULL,                -- decimal digits, exact
    balance     TEXT NOT NULL,                -- decimal digits
    difference  TEXT NOT NULL,                -- column_sum - balance
    reference   TEXT NOT NULL CHECK (reference <> ''),
    explanation TEXT NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    at          TEXT NOT NULL
) STRICT;

CREATE INDEX reconciliations_of_table ON reconciliations (dataset_id, commit_id, table_key, id);

CREATE TRIGGER reconciliations_never_change BEFORE UPDATE ON reconciliations
BEGIN SELECT RAISE(ABORT, 'a reconciliation never changes'); END;

-- The data contract of a table of a dataset: what the tables of each new version must meet.
CREATE TABLE data_contracts (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    terms      TEXT NOT NULL CHECK (json_valid(terms)),
    set_at     TEXT NOT NULL,
    set_by     INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (dataset_id, table_key)
) STRICT, WITHOUT ROWID;

-- Versions that didn't meet a data contract. Their commit has a ref of its own, until a user moves
-- the ref of the import to it.
CREATE TABLE kept_apart (
    job_id      TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),  -- the import or attachment
    dataset_id  INTEGER NOT NULL REFERENCES datasets (id),
    ref_name    TEXT NOT NULL,                -- the ref that the job would have moved
    apart_ref   TEXT NOT NULL,
    failures    TEXT NOT NULL CHECK (json_valid(failures)),
    row_keys    TEXT NOT NULL CHECK (json_valid(row_keys)),      -- declared when it is accepted
    at          TEXT NOT NULL,
    accepted_at TEXT,
    accepted_by INTEGER REFERENCES users (id),
    reason      TEXT,
    CHECK ((accepted_at IS NULL) = (accepted_by IS NULL)),
    CHECK ((accepted_at IS NULL) = (reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX kept_apart_of_dataset ON kept_apart (dataset_id, at);

-- Panels: the design of the waves. A wave is a job whose run_parameters name panel and wave.
CREATE TABLE panels (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    table_key  TEXT NOT NULL CHECK (table_key <> ''),
    round      TEXT NOT NULL CHECK (json_valid(round)),   -- with key, seed and first start
    rotation   TEXT NOT NULL,                             -- a decimal from 0 to 1
    created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX panels_name ON panels (dataset_id, name COLLATE NOCASE);
CREATE INDEX panels_of_user ON panels (user_id);

-- The last time at which a ref left a commit: by its deletion, or by a move to a commit other than a
-- child. A prune retains such a commit and its ancestors for a while.
CREATE TABLE left_commits (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    left_at    TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- Deleted refs, and deleted datasets (without a ref). An entry ends with a restore, or with the prune
-- of its data, which waits until the entry has expired or was deleted for good.
CREATE TABLE bin (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    ref_name   TEXT,
    commit_id  TEXT,
    deleted_by INTEGER NOT NULL REFERENCES users (id),
    deleted_at TEXT NOT NULL,
    purged_at  TEXT,                          -- when it was deleted for good
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id),
    CHECK ((ref_name IS NULL) = (commit_id IS NULL))
) STRICT;

CREATE INDEX bin_of_commit ON bin (dataset_id, commit_id);
CREATE INDEX bin_deleted_at ON bin (deleted_at) WHERE purged_at IS NULL;

-- Job statuses. pending: in the queue; no work is done.        claim    -> running
--               running: a thread runs an attempt.             complete -> completed
--               Recovery requeues it after a crash.            recover  -> pending
--               A transient fault postpones it.                postpone -> pending
--               A permanent fault fails it.                    fail     -> failed
--               pending or running: a user can cancel it.      cancel   -> failed
--               completed, failed: final.
CREATE TABLE jobs (
    seq              INTEGER PRIMARY KEY AUTOINCREMENT,   -- submission order
    id               TEXT NOT NULL UNIQUE,                -- UUID version 4
    run_type         TEXT NOT NULL
                     CHECK (run_type IN ('sampling', 'import', 'exploration', 'profiling')),
    status           TEXT NOT NULL DEFAULT 'pending'
                     CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    dataset_id       INTEGER NOT NULL REFERENCES datasets (id),
    user_id          INTEGER NOT NULL REFERENCES users (id),
    source_commit_id TEXT,                                -- fixed at submission; NULL for an import
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
    retry_of         TEXT REFERENCES jobs (id),           -- the failed job that this one retries
    lane             TEXT NOT NULL DEFAULT 'short'        -- each lane has its own threads
                     CHECK (lane IN ('short', 'long')),
    priority         INTEGER NOT NULL DEFAULT 0           -- 0: interactive, before 1: batch
                     CHECK (priority IN (0, 1)),
    not_before       TEXT                                 -- earliest time of the next attempt
                     CHECK (not_before IS NULL OR status = 'pending'),
    request_id       TEXT,                                -- id of the HTTP request, as in the log
    crashes          INTEGER NOT NULL DEFAULT 0           -- crashes of the process during attempts
                     CHECK (crashes >= 0),
    dismissed_at     TEXT                                 -- a failure that needs no attention
                     CHECK (dismissed_at IS NULL OR status = 'failed'),
    schedule_id      INTEGER,                             -- whose run it is; may have been deleted
    FOREIGN KEY (dataset_id, source_commit_id) REFERENCES commits (dataset_id, id),
    FOREIGN KEY (dataset_id, output_commit_id) REFERENCES commits (dataset_id, id),
    -- Each status requires its timestamps and outcome, and forbids those of others.
    CHECK (status <> 'pending' OR (started_at IS NULL AND completed_at IS NULL)),
    CHECK (status <> 'running' OR (started_at IS NOT NULL AND completed_at IS NULL AND attempt > 0)),
    CHECK (status <> 'completed' OR (started_at IS NOT NULL AND completed_at IS NOT NULL
                                     AND output_summary IS NOT NULL AND progress = 100)),
    CHECK (status <> 'failed' OR completed_at IS NOT NULL),
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CHECK ((status = 'failed') = (error_message IS NOT NULL)),
    CHECK (status = 'completed' OR (output_summary IS NULL AND output_commit_id IS NULL))
) STRICT;

-- Turns of the users in a lane, at a priority. The next job is of the user with the lowest turn, who
-- then gets the highest.
CREATE TABLE queue_turns (
    lane     TEXT NOT NULL CHECK (lane IN ('short', 'long')),
    priority INTEGER NOT NULL CHECK (priority IN (0, 1)),
    user_id  INTEGER NOT NULL REFERENCES users (id),
    turn     INTEGER NOT NULL,
    PRIMARY KEY (lane, priority, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_turns_order ON queue_turns (lane, priority, turn);

-- A job's log. Triggers write it, so that every change is logged.
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

-- Idempotency keys: for a day, the same key and request return the same job. A key is inserted in the
-- transaction of its job.
CREATE TABLE idempotency_keys (
    user_id      INTEGER NOT NULL REFERENCES users (id),
    key          TEXT NOT NULL CHECK (key <> ''),
    request_hash TEXT NOT NULL CHECK (length(request_hash) = 64),
    job_id       TEXT NOT NULL REFERENCES jobs (id),
    created_at   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Claiming reads only the first waiting job of each user.
CREATE INDEX jobs_waiting ON jobs (lane, user_id, priority, seq) WHERE status = 'pending';
CREATE INDEX jobs_postponed ON jobs (not_before) WHERE not_before IS NOT NULL;
-- Finds the job of an output ref, and all jobs of a dataset that is pruned.
CREATE INDEX jobs_of_output_ref ON jobs (dataset_id, run_parameters ->> '$.output_ref');

-- Lists of jobs: of all, of a dataset, of a user, of a status. Each index has the order and the
-- filters of a list, so that a count or a page reads no job.
CREATE INDEX jobs_listed ON jobs (created_at, seq, dataset_id, run_type, status);
CREATE INDEX jobs_listed_of_dataset
    ON jobs (dataset_id, created_at, seq, user_id, run_type, status,
             run_parameters ->> '$.source_ref');
CREATE INDEX jobs_listed_of_user
    ON jobs (user_id, created_at, seq, dataset_id, run_type, status,
             run_parameters ->> '$.source_ref');
CREATE INDEX jobs_listed_of_status ON jobs (status, created_at, seq, dataset_id, run_type);
-- Failures that nobody has retried or dismissed.
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

-- References to a commit or a job, for prunes and for SQLite's foreign keys.
CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX commits_of_author ON commits (author_id);
CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
-- Only the commit: with the dataset, SQLite 3.46 would scan all refs of the dataset.
CREATE INDEX refs_of_commit ON refs (commit_id);
CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
    WHERE source_commit_id IS NOT NULL;
CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
    WHERE output_commit_id IS NOT NULL;
CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX jobs_of_schedule ON jobs (schedule_id) WHERE schedule_id IS NOT NULL;
CREATE INDEX jobs_of_panel ON jobs (run_parameters ->> '$.panel.panel_id')
    WHERE run_parameters ->> '$.panel.panel_id' IS NOT NULL;
CREATE INDEX jobs_of_continued ON jobs (output_summary ->> '$.continues.job_id')
    WHERE output_summary ->> '$.continues.job_id' IS NOT NULL;
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id);

-- Representativeness checks of samples, computed after the job and recomputed when needed. The brief
-- form is read with each job and comes first, since SQLite reads a long row only up to the last
-- selected column.
CREATE TABLE comparisons (
    job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    made_at TEXT NOT NULL,
    brief   TEXT NOT NULL CHECK (json_valid(brief)),
    whole   TEXT NOT NULL CHECK (json_valid(whole))
) STRICT;

-- What was found about the rows of a sample, and answers to its questions. An entry never changes: a
-- correction is a new entry. Of a row counts the newest decision, else the newest first reading.
CREATE TABLE findings (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id      TEXT NOT NULL REFERENCES jobs (id),
    row_id      TEXT NOT NULL CHECK (row_id <> ''),           -- the row's _logical_row_id
    outcome     TEXT                                          -- NULL: the entry has answers
                CHECK (outcome IN ('ok', 'exception', 'not_applicable', 'not_examinable')),
    audit_value TEXT,                                         -- a decimal number; NULL: none
    note        TEXT NOT NULL DEFAULT '',
    -- Of an exception: the tested attributes from which the row deviates, a JSON array of names.
    deviations  TEXT NOT NULL DEFAULT '[]'
                CHECK (json_valid(deviations) AND (deviations = '[]' OR outcome = 'exception')),
    cause       TEXT CHECK (cause IS NULL OR outcome IN ('exception', 'not_examinable')),
    cause_text  TEXT NOT NULL DEFAULT '',
    user_id     INTEGER NOT NULL REFERENCES users (id),
    at          TEXT NOT NULL,
    -- A second reading is by another person. Where both differ, a third person decides.
    reading     TEXT NOT NULL DEFAULT 'first' CHECK (reading IN ('first', 'second', 'decision')),
    answers     TEXT NOT NULL DEFAULT '{}'                    -- by the name of the question
                CHECK (json_valid(answers) AND json_type(answers) = 'object'),
    CHECK ((outcome IS NULL) = (answers <> '{}')),
    CHECK (outcome IS NOT NULL OR (audit_value IS NULL AND deviations = '[]' AND cause IS NULL))
) STRICT;

CREATE INDEX findings_of_row ON findings (job_id, row_id, id);
CREATE INDEX findings_of_user ON findings (job_id, user_id);

CREATE TRIGGER findings_never_change BEFORE UPDATE ON findings
BEGIN SELECT RAISE(ABORT, 'a finding never changes'); END;

-- Rows of a sample that the next row of the seeded order replaced.
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

-- The attributes that each row of a sample is tested for, chosen before its first finding.
CREATE TABLE tested_attributes (
    job_id   TEXT NOT NULL REFERENCES jobs (id),
    position INTEGER NOT NULL CHECK (position >= 0),
    name     TEXT NOT NULL CHECK (name <> ''),
    user_id  INTEGER REFERENCES users (id),   -- who chose them; NULL: not recorded
    PRIMARY KEY (job_id, position)
) STRICT, WITHOUT ROWID;

-- The columns that the findings show of each row of a sample, in their order; the default without a
-- row here.
CREATE TABLE shown_columns (
    job_id TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    names  TEXT NOT NULL CHECK (json_valid(names) AND json_type(names) = 'array')
) STRICT, WITHOUT ROWID;

-- What reviewers of a sample are asked, which columns they see, and the share of second readings;
-- set before the first entry. Without a row here, they are asked for findings and see all columns.
CREATE TABLE review_questions (
    job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    body    TEXT NOT NULL CHECK (json_valid(body) AND json_type(body) = 'object'),
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Users who may answer the questions of a sample, whatever their level in its dataset.
CREATE TABLE reviewers (
    job_id     TEXT NOT NULL REFERENCES jobs (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    granted_by INTEGER NOT NULL REFERENCES users (id),
    at         TEXT NOT NULL,
    PRIMARY KEY (job_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX reviewers_of_user ON reviewers (user_id, job_id);

-- The row that a reviewer has open. After its time another reviewer can get it.
CREATE TABLE reservations (
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    row_id  TEXT NOT NULL CHECK (row_id <> ''),
    reading TEXT NOT NULL CHECK (reading IN ('first', 'second', 'decision')),
    user_id INTEGER NOT NULL REFERENCES users (id),
    until   TEXT NOT NULL,
    PRIMARY KEY (job_id, user_id),
    UNIQUE (job_id, row_id, reading)
) STRICT, WITHOUT ROWID;

CREATE INDEX reservations_of_user ON reservations (user_id);

-- The auditor's conclusion on a sample, in own words; the newest one counts.
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

-- What a working paper states beside the sample, such as its client; the newest entry counts.
CREATE TABLE paper_facts (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    body    TEXT NOT NULL CHECK (json_valid(body) AND json_type(body) = 'object'),
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL
) STRICT;

CREATE INDEX paper_facts_of_job ON paper_facts (job_id, id);

CREATE TRIGGER paper_facts_never_change BEFORE UPDATE ON paper_facts
BEGIN SELECT RAISE(ABORT, 'facts of a working paper never change'); END;

-- Issued working papers: files of the store of data files. An entry of the ledger has the hash of each.
CREATE TABLE issued_papers (
    job_id            TEXT NOT NULL REFERENCES jobs (id),
    dataset_id        INTEGER NOT NULL REFERENCES datasets (id),
    number            INTEGER NOT NULL CHECK (number > 0),
    paper_number      TEXT NOT NULL,          -- the firm's reference; '': none
    format            TEXT NOT NULL CHECK (format IN ('html', 'xlsx')),
    language          TEXT NOT NULL CHECK (language IN ('en', 'de', 'fr')),
    review_state      TEXT NOT NULL
                      CHECK (review_state IN ('open', 'submitted', 'signed_off', 'approved')),
    evaluation_sha256 TEXT CHECK (length(evaluation_sha256) = 64),  -- NULL: not evaluated
    sha256            TEXT NOT NULL CHECK (length(sha256) = 64),
    size_bytes        INTEGER NOT NULL CHECK (size_bytes > 0),
    ledger_number     INTEGER NOT NULL,
    user_id           INTEGER NOT NULL REFERENCES users (id),
    issued_at         TEXT NOT NULL,
    PRIMARY KEY (job_id, number)
) STRICT;

CREATE INDEX issued_papers_file ON issued_papers (sha256);

CREATE TRIGGER issued_papers_never_change BEFORE UPDATE ON issued_papers
BEGIN SELECT RAISE(ABORT, 'an issued paper never changes'); END;

-- Issued papers on several samples together. A withdrawal is added once; nothing else changes.
CREATE TABLE combined_papers (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    number            INTEGER NOT NULL CHECK (number > 0),    -- of the papers on the same samples
    jobs              TEXT NOT NULL CHECK (json_valid(jobs)),       -- of the samples, sorted
    samples           TEXT NOT NULL CHECK (json_valid(samples)),    -- their names
    datasets          TEXT NOT NULL CHECK (json_valid(datasets)),   -- with an entry in their ledgers
    request           TEXT NOT NULL CHECK (json_valid(request)),
    format            TEXT NOT NULL CHECK (format IN ('html', 'xlsx')),
    language          TEXT NOT NULL CHECK (language IN ('en', 'de', 'fr')),
    review_state      TEXT NOT NULL
                      CHECK (review_state IN ('open', 'submitted', 'signed_off', 'approved')),
    is_tolerable      INTEGER CHECK (is_tolerable IN (0, 1)),
    conclusion        TEXT,
    evaluation_sha256 TEXT NOT NULL CHECK (length(evaluation_sha256) = 64),
    sha256            TEXT NOT NULL CHECK (length(sha256) = 64),
    size_bytes        INTEGER NOT NULL CHECK (size_bytes > 0),
    user_id           INTEGER NOT NULL REFERENCES users (id),
    issued_at         TEXT NOT NULL,
    withdrawn_at      TEXT,
    withdrawn_by      INTEGER REFERENCES users (id),
    reason            TEXT,
    CHECK ((withdrawn_at IS NULL) = (withdrawn_by IS NULL)
           AND (withdrawn_at IS NULL) = (reason IS NULL))
) STRICT;

CREATE INDEX combined_papers_file ON combined_papers (sha256);

CREATE TRIGGER combined_papers_never_change BEFORE UPDATE OF id, number, jobs, samples, datasets,
    request, format, language, review_state, is_tolerable, conclusion, evaluation_sha256, sha256,
    size_bytes, user_id, issued_at ON combined_papers
BEGIN SELECT RAISE(ABORT, 'an issued paper never changes'); END;

CREATE TABLE combined_paper_samples (
    job_id   TEXT NOT NULL REFERENCES jobs (id),
    paper_id INTEGER NOT NULL REFERENCES combined_papers (id) ON DELETE CASCADE,
    PRIMARY KEY (job_id, paper_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX combined_paper_samples_of_paper ON combined_paper_samples (paper_id);

-- Engagements: client, period, team, datasets and samples of one audit. The seal is canonical JSON; NULL: open.
CREATE TABLE engagements (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    client_name TEXT NOT NULL CHECK (client_name <> ''),
    period_from TEXT NOT NULL CHECK (period_from IS date(period_from)),
    period_to   TEXT NOT NULL CHECK (period_to IS date(period_to) AND period_to >= period_from),
    number      TEXT NOT NULL,                -- the firm's reference; '': none
    user_id     INTEGER NOT NULL REFERENCES users (id),     -- who created it
    created_at  TEXT NOT NULL,
    changed_at  TEXT NOT NULL,                -- facts or team, which working papers state
    seal        TEXT CHECK (json_valid(seal)),
    seal_sha256 TEXT CHECK (length(seal_sha256) = 64),
    sealed_at   TEXT,
    sealed_by   INTEGER REFERENCES users (id),
    CHECK ((seal IS NULL) = (seal_sha256 IS NULL) AND (seal IS NULL) = (sealed_at IS NULL)
           AND (seal IS NULL) = (sealed_by IS NULL))
) STRICT;

CREATE INDEX engagements_of_user ON engagements (user_id);

CREATE TABLE engagement_members (
    engagement_id INTEGER NOT NULL REFERENCES engagements (id),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    full_name     TEXT NOT NULL CHECK (full_name <> ''),
    role          TEXT NOT NULL CHECK (role IN ('preparer', 'reviewer', 'partner')),
    at            TEXT NOT NULL,
    PRIMARY KEY (engagement_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX engagement_members_of_user ON engagement_members (user_id, engagement_id);

CREATE TABLE engagement_datasets (
    engagement_id INTEGER NOT NULL REFERENCES engagements (id),
    dataset_id    INTEGER NOT NULL REFERENCES datasets (id),
    at            TEXT NOT NULL,
    PRIMARY KEY (engagement_id, dataset_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX engagement_datasets_of_dataset ON engagement_datasets (dataset_id, engagement_id);

-- The jobs of an engagement's samples. A job is in one engagement at most.
CREATE TABLE engagement_samples (
    job_id        TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    engagement_id INTEGER NOT NULL REFERENCES engagements (id),
    at            TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX engagement_samples_of_engagement ON engagement_samples (engagement_id, at, job_id);

CREATE INDEX engagements_of_number ON engagements (number COLLATE NOCASE) WHERE number <> '';

-- Engagements that lists leave out: archived or deleted ones. Of a deleted one the members, datasets and
-- samples are arrays in parts, and no rows of the tables above.
CREATE TABLE hidden_engagements (
    engagement_id INTEGER PRIMARY KEY REFERENCES engagements (id),
    state         TEXT NOT NULL CHECK (state IN ('archived', 'deleted')),
    parts         TEXT NOT NULL CHECK (json_valid(parts) AND (parts = '{}') = (state = 'archived')),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    at            TEXT NOT NULL
) STRICT;

-- The firm's template of working papers: the newest entry counts.
CREATE TABLE paper_templates (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    body    TEXT NOT NULL CHECK (json_valid(body)),
    logo    BLOB,                              -- a PNG or JPEG image; NULL: none
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL
) STRICT;

CREATE TRIGGER paper_templates_never_change BEFORE UPDATE ON paper_templates
BEGIN SELECT RAISE(ABORT, 'a template of working papers never changes'); END;

-- The review of a sample's findings. The newest entry is its state: after 'submitted', 'signed_off'
-- and 'approved' no finding can be entered. Only samples of an engagement are approved.
CREATE TABLE reviews (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id  TEXT NOT NULL REFERENCES jobs (id),
    action  TEXT NOT NULL
            CHECK (action IN ('submitted', 'withdrawn', 'returned', 'signed_off', 'approved',
                              'reopened')),
    note    TEXT NOT NULL DEFAULT '',
    user_id INTEGER NOT NULL REFERENCES users (id),
    at      TEXT NOT NULL,
    -- Of a sign-off: the parameters and conclusion of the evaluation that was reviewed; {}: none.
    evaluation TEXT NOT NULL DEFAULT '{}'
               CHECK (json_valid(evaluation) AND (evaluation = '{}' OR action = 'signed_off'))
) STRICT;

CREATE INDEX reviews_of_job ON reviews (job_id, id);

CREATE TRIGGER reviews_never_change BEFORE UPDATE ON reviews
BEGIN SELECT RAISE(ABORT, 'a review entry never changes'); END;

-- How far the examination of each sample is. Triggers keep it, so that a list of samples and what waits
-- for a user read one row for each sample, and no finding.
CREATE TABLE sample_progress (
    job_seq        INTEGER PRIMARY KEY NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    job_id         TEXT NOT NULL UNIQUE,
    user_id        INTEGER NOT NULL REFERENCES users (id),    -- who drew the sample
    drawn          INTEGER NOT NULL DEFAULT 0,                -- rows; 0 until the draw has completed
    replaced       INTEGER NOT NULL DEFAULT 0,
    examined       INTEGER NOT NULL DEFAULT 0,                -- rows with a finding that counts
    exceptions     INTEGER NOT NULL DEFAULT 0,                -- of these
    not_examinable INTEGER NOT NULL DEFAULT 0,                -- of these
    last_action    TEXT NOT NULL DEFAULT '',                  -- of the review; '': none
    last_at        TEXT,                                      -- of this action
    -- 1: it was drawn for a materiality, joined an engagement, or has a finding of an audit.
    is_audit       INTEGER NOT NULL DEFAULT 0 CHECK (is_audit IN (0, 1))
) STRICT;

CREATE INDEX sample_progress_of_user ON sample_progress (user_id, last_action) WHERE is_audit = 1;
CREATE INDEX sample_progress_of_action ON sample_progress (last_action, job_seq);

CREATE TRIGGER jobs_begin_progress AFTER INSERT ON jobs WHEN NEW.run_type = 'sampling'
BEGIN
    INSERT INTO sample_progress (job_seq, job_id, user_id, is_audit) VALUES (
        NEW.seq, NEW.id, NEW.user_id,
        NEW.run_parameters ->> '$.rounds[0].goal.materiality' IS NOT NULL
    );
END;

CREATE TRIGGER jobs_note_drawn AFTER UPDATE OF output_summary ON jobs
WHEN NEW.run_type = 'sampling' AND NEW.output_summary IS NOT NULL
BEGIN
    UPDATE sample_progress SET drawn = coalesce(NEW.output_summary ->> '$.total_sampled', 0)
    WHERE job_seq = NEW.seq;
END;

-- Of a row counts the newest entry that isn't a second reading: no first reading follows a decision.
CREATE TRIGGER findings_note_progress AFTER INSERT ON findings WHEN NEW.reading <> 'second'
BEGIN
    UPDATE sample_progress SET
        examined = examined + NOT EXISTS (
            SELECT 1 FROM findings WHERE job_id = NEW.job_id AND row_id = NEW.row_id
                AND id < NEW.id AND reading <> 'second'
        ),
        exceptions = exceptions + (NEW.outcome IS 'exception') - coalesce((
            SELECT outcome = 'exception' FROM findings WHERE job_id = NEW.job_id
                AND row_id = NEW.row_id AND id < NEW.id AND reading <> 'second'
            ORDER BY id DESC LIMIT 1
        ), 0),
        not_examinable = not_examinable + (NEW.outcome IS 'not_examinable') - coalesce((
            SELECT outcome = 'not_examinable' FROM findings WHERE job_id = NEW.job_id
                AND row_id = NEW.row_id AND id < NEW.id AND reading <> 'second'
            ORDER BY id DESC LIMIT 1
        ), 0),
        is_audit = is_audit OR NOT EXISTS (
            SELECT 1 FROM review_questions WHERE job_id = NEW.job_id
                AND body ->> '$.questions' <> '[]'
        )
    WHERE job_id = NEW.job_id;
END;

CREATE TRIGGER replacements_note_progress AFTER INSERT ON replacements
BEGIN
    UPDATE sample_progress SET replaced = replaced + 1 WHERE job_id = NEW.job_id;
END;

CREATE TRIGGER reviews_note_progress AFTER INSERT ON reviews
BEGIN
    UPDATE sample_progress SET last_action = NEW.action, last_at = NEW.at
    WHERE job_id = NEW.job_id;
END;

CREATE TRIGGER engagement_samples_note_progress AFTER INSERT ON engagement_samples
BEGIN
    UPDATE sample_progress SET is_audit = 1 WHERE job_id = NEW.job_id;
END;

-- Who prepared a sample, so that another person reviews it: who entered findings, replacements,
-- conclusions or paper facts, chose the tested attributes, attached or removed files, or submitted
-- the findings.
CREATE VIEW sample_preparers AS
SELECT job_id, user_id FROM findings
UNION ALL
SELECT job_id, user_id FROM replacements
UNION ALL
SELECT job_id, user_id FROM audit_conclusions
UNION ALL
SELECT job_id, user_id FROM paper_facts
UNION ALL
SELECT job_id, user_id FROM tested_attributes WHERE user_id IS NOT NULL
UNION ALL
SELECT job_id, user_id FROM attachments
UNION ALL
SELECT job_id, removed_by FROM attachments WHERE removed_by IS NOT NULL
UNION ALL
SELECT job_id, user_id FROM reviews WHERE action = 'submitted';

-- The audit trail. Entries outlive their objects, so there are no foreign keys.
CREATE TABLE audit_log (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    at             TEXT NOT NULL,
    action         TEXT NOT NULL CHECK (action <> ''),
    user_id        INTEGER,                    -- NULL: the service, or a failed sign-in
    user_soeid     TEXT NOT NULL,              -- at that time
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

-- INSERT OR REPLACE removes the old row without a DELETE trigger.
CREATE TRIGGER audit_log_never_replaces BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry is never replaced'); END;

-- Draw templates of a user: bodies of sampling jobs, for any dataset.
CREATE TABLE draw_templates (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    body       TEXT NOT NULL CHECK (json_valid(body)),
    created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX draw_templates_name ON draw_templates (user_id, name COLLATE NOCASE);

-- Values of sampled rows that users uploaded: each upload has a number in its sample and is a Parquet
-- file of _logical_row_id and the columns. A later upload never replaces an earlier one.
CREATE TABLE sample_values (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id        TEXT NOT NULL REFERENCES jobs (id),
    number        INTEGER NOT NULL CHECK (number > 0),
    dataset_id    INTEGER NOT NULL REFERENCES datasets (id),
    user_id       INTEGER NOT NULL REFERENCES users (id),
    created_at    TEXT NOT NULL,
    file_name     TEXT NOT NULL,
    upload_sha256 TEXT NOT NULL CHECK (length(upload_sha256) = 64),  -- of the user's file
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

-- Files that people attached to a row of a sample, or without a row to the sample: its contents are a file
-- of the store of data files. A removed one stays, with who removed it and why.
CREATE TABLE attachments (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id     TEXT NOT NULL REFERENCES jobs (id),
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    row_id     TEXT CHECK (row_id <> ''),
    file_name  TEXT NOT NULL CHECK (file_name <> ''),
    media_type TEXT NOT NULL,
    note       TEXT NOT NULL,
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    size_bytes INTEGER NOT NULL CHECK (size_bytes > 0),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    at         TEXT NOT NULL,
    from_job_id TEXT,                        -- the sample that it was carried over from
    removed_at TEXT,
    removed_by INTEGER REFERENCES users (id),
    removal_reason TEXT CHECK (removal_reason <> ''),
    CHECK ((removed_at IS NULL) = (removed_by IS NULL)
           AND (removed_at IS NULL) = (removal_reason IS NULL))
) STRICT;

-- A file is attached once to a row, or to the sample.
CREATE UNIQUE INDEX attachments_of_row ON attachments (job_id, coalesce(row_id, ''), sha256)
WHERE removed_at IS NULL;

CREATE INDEX attachments_of_job ON attachments (job_id, id);
CREATE INDEX attachments_file ON attachments (sha256);

CREATE TRIGGER attachments_never_change BEFORE UPDATE ON attachments
WHEN OLD.removed_at IS NOT NULL OR NEW.removed_at IS NULL
BEGIN SELECT RAISE(ABORT, 'an attachment changes only once, when it is removed'); END;

CREATE TRIGGER attachments_keep_their_files
BEFORE UPDATE OF id, job_id, dataset_id, row_id, file_name, media_type, note, sha256, size_bytes,
                 user_id, at, from_job_id ON attachments
BEGIN SELECT RAISE(ABORT, 'an attachment never changes'); END;

-- The public keys of certificates. The private half of the current one is in a file.
CREATE TABLE signing_keys (
    key_id     TEXT PRIMARY KEY NOT NULL CHECK (length(key_id) = 64),  -- SHA-256 of the public key
    public_key TEXT NOT NULL UNIQUE CHECK (length(public_key) = 64),
    created_at TEXT NOT NULL,
    retired_at TEXT                                                   -- NULL: the current key
) STRICT;

CREATE TRIGGER signing_keys_never_change BEFORE UPDATE OF key_id, public_key, created_at
ON signing_keys
BEGIN SELECT RAISE(ABORT, 'a signing key never changes'); END;

CREATE TRIGGER signing_keys_never_shrink BEFORE DELETE ON signing_keys
BEGIN SELECT RAISE(ABORT, 'a signing key is never removed'); END;

-- Merkle roots of tables, for row proofs. The secret makes the salts of the rows; nodes are the hashes
-- of subtrees of 1,024 rows.
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

-- What was planned, drawn, replaced, deleted and issued in each dataset. Each entry has the digest of the one
-- before. Entries outlive their dataset, so there is no foreign key.
CREATE TABLE ledger_entries (
    dataset_id      INTEGER NOT NULL,
    number          INTEGER NOT NULL CHECK (number > 0),
    kind            TEXT NOT NULL
                    CHECK (kind IN ('plan', 'draw', 'replacement', 'deletion', 'restoration',
                                    'row_root', 'paper', 'evaluation', 'review', 'engagement',
                                    'combined_paper')),
    recorded_at     TEXT NOT NULL,
    actor           TEXT NOT NULL,            -- the user's SOEID at that time
    body            TEXT NOT NULL CHECK (json_valid(body) AND json_type(body) = 'object'),
    previous_digest TEXT CHECK ((previous_digest IS NULL) = (number = 1)),
    digest          TEXT NOT NULL CHECK (length(digest) = 64),
    PRIMARY KEY (dataset_id, number)
) STRICT, WITHOUT ROWID;

-- The entry of a job's draw, and that of a plan.
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

-- Issued certificates of samples: the signed payloads. A signature is made for each download.
CREATE TABLE certificates (
    job_id         TEXT NOT NULL REFERENCES jobs (id),
    issue          INTEGER NOT NULL CHECK (issue > 0),
    issued_at      TEXT NOT NULL,
    replacements   INTEGER NOT NULL CHECK (replacements >= 0),  -- the replaced rows that it states
    payload        TEXT NOT NULL CHECK (json_valid(payload)),
    payload_sha256 TEXT NOT NULL CHECK (length(payload_sha256) = 64),
    PRIMARY KEY (job_id, issue)
) STRICT;

CREATE TRIGGER certificates_never_change BEFORE UPDATE ON certificates
BEGIN SELECT RAISE(ABORT, 'a certificate never changes'); END;

-- Issued certificates of evaluations. The content is all of the payload but its number and time.
CREATE TABLE evaluation_certificates (
    job_id         TEXT NOT NULL REFERENCES jobs (id),
    issue          INTEGER NOT NULL CHECK (issue > 0),
    issued_at      TEXT NOT NULL,
    review_state   TEXT NOT NULL
                   CHECK (review_state IN ('open', 'submitted', 'signed_off', 'approved')),
    content_sha256 TEXT NOT NULL CHECK (length(content_sha256) = 64),
    payload        TEXT NOT NULL CHECK (json_valid(payload)),
    payload_sha256 TEXT NOT NULL CHECK (length(payload_sha256) = 64),
    PRIMARY KEY (job_id, issue)
) STRICT;

CREATE TRIGGER evaluation_certificates_never_change BEFORE UPDATE ON evaluation_certificates
BEGIN SELECT RAISE(ABORT, 'a certificate never changes'); END;

-- Receivers of messages about events: URLs of webhooks, and at most one e-mail address of each user.
-- The secret of a webhook is stored as it is, since it signs each message.
CREATE TABLE receivers (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER NOT NULL REFERENCES users (id),
    kind        TEXT NOT NULL CHECK (kind IN ('webhook', 'email')),
    dataset_id  INTEGER,                       -- all jobs of it; NULL: the user's own jobs
    address     TEXT NOT NULL CHECK (address <> ''),
    events      TEXT NOT NULL CHECK (json_valid(events) AND json_type(events) = 'array'),
    secret      TEXT CHECK (secret LIKE 'whsec_%'),
    created_at  TEXT NOT NULL,
    disabled_at TEXT,                          -- the receiver of a webhook answered 410
    CHECK ((kind = 'webhook') = (secret IS NOT NULL)),
    CHECK (kind = 'webhook' OR (dataset_id IS NULL AND disabled_at IS NULL))
) STRICT;

CREATE INDEX receivers_of_user ON receivers (user_id);
CREATE UNIQUE INDEX receivers_email ON receivers (user_id) WHERE kind = 'email';

-- The outbox and the log of deliveries. A trigger inserts a row in the transaction of its event.
CREATE TABLE deliveries (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id      TEXT NOT NULL UNIQUE,      -- the same in each attempt
    receiver_id     INTEGER NOT NULL REFERENCES receivers (id),
    event           TEXT NOT NULL,
    payload         TEXT NOT NULL CHECK (json_valid(payload)),
    created_at      TEXT NOT NULL,
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    attempted_at    TEXT,                      -- the latest attempt, its answer and its problem
    response_status INTEGER,
    problem         TEXT,
    next_attempt_at TEXT,                      -- NULL: delivered or given up
    delivered_at    TEXT,
    CHECK (delivered_at IS NULL OR next_attempt_at IS NULL)
) STRICT;

CREATE INDEX deliveries_of_receiver ON deliveries (receiver_id, id);
CREATE INDEX deliveries_due ON deliveries (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- Of a failed run of a schedule, a receiver gets one message: 'job.failed' if it hears of that.
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
      -- Whoever cancels a job knows of it.
      AND (kind = 'webhook' OR NEW.error_code IS NOT 'cancelled')
      AND (heard.value = 'job.' || NEW.status
           OR (heard.value = 'schedule.failed'
               AND NEW.status = 'failed' AND NEW.schedule_id IS NOT NULL
               AND NOT EXISTS (SELECT 1 FROM json_each(receivers.events)
                               WHERE value = 'job.failed')));
END;

-- A review is requested of all who can write, but not of those who prepared the findings.
CREATE TRIGGER reviews_notify_receivers AFTER INSERT ON reviews
WHEN NEW.action IN ('submitted', 'returned', 'signed_off', 'approved')
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

-- Requests that the server submits at the times of a cron expression in a time zone.
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
    counted_from TEXT NOT NULL,                 -- next_run_at is the first time after it
    next_run_at  TEXT NOT NULL,
    paused_at    TEXT,
    last_run_at  TEXT,
    last_job_id  TEXT,                          -- the job may have been pruned
    problem      TEXT CHECK (json_valid(problem)),  -- why the latest run wasn't submitted
    job_id       TEXT NOT NULL,                 -- has the request; may have been pruned
    exclude_drawn_by TEXT NOT NULL              -- key by which runs exclude drawn rows
                 CHECK (json_valid(exclude_drawn_by)),
    source       TEXT CHECK (json_valid(source)),  -- the attachment or import that runs begin with
    CHECK (run_type = 'sampling' OR exclude_drawn_by = '[]')
) STRICT;

CREATE UNIQUE INDEX schedules_name ON schedules (dataset_id, name COLLATE NOCASE);
CREATE INDEX schedules_of_user ON schedules (user_id);

-- Runs of schedules that begin with data: an attachment or an import, a profile, and the draw or
-- profile of the schedule. Each job is written with its step.
CREATE TABLE schedule_runs (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    schedule_id    INTEGER NOT NULL,
    name           TEXT NOT NULL,               -- of its sample
    numbers_name   INTEGER NOT NULL CHECK (numbers_name IN (0, 1)),  -- 1: it is out of turn
    began_at       TEXT NOT NULL,               -- relative dates are those of this time
    state          TEXT NOT NULL DEFAULT 'running'
                   CHECK (state IN ('running', 'kept_apart', 'completed', 'failed')),
    data_job_id    TEXT NOT NULL,               -- jobs may have been pruned
    profile_job_id TEXT,
    job_id         TEXT,
    problem        TEXT CHECK (json_valid(problem)),
    ended_at       TEXT,
    CHECK (state IN ('running', 'kept_apart') OR ended_at IS NOT NULL),
    CHECK (state <> 'running' OR ended_at IS NULL)
) STRICT;

CREATE INDEX schedule_runs_of_schedule ON schedule_runs (schedule_id, id);
CREATE INDEX schedule_runs_open ON schedule_runs (id) WHERE ended_at IS NULL;

-- A run that wasn't submitted.
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

-- The data files that are needed; other files are orphans.
CREATE VIEW needed_files AS
SELECT sha256, dataset_id FROM commit_files
UNION ALL
SELECT sha256, dataset_id FROM sample_values
UNION ALL
SELECT sha256, dataset_id FROM attachments
UNION ALL
SELECT sha256, dataset_id FROM issued_papers
UNION ALL
SELECT sha256, jobs.dataset_id FROM combined_papers
    JOIN combined_paper_samples ON paper_id = combined_papers.id
    JOIN jobs ON jobs.id = job_id;
