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
    CHECK (kind = 'named' OR expires_at IS NOT NULL)
) STRICT;

CREATE INDEX tokens_of_user ON tokens (user_id);

CREATE TABLE sign_in_links (
    user_id    INTEGER PRIMARY KEY REFERENCES users (id),
    code_hash  TEXT NOT NULL UNIQUE CHECK (length(code_hash) = 64),
    expires_at TEXT NOT NULL
) STRICT;

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    tags        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags) AND json_type(tags) = 'array'),
    created_by  INTEGER NOT NULL REFERENCES users (id),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,
    removed_at  TEXT
) STRICT;

CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE) WHERE removed_at IS NULL;

CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;

CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;

CREATE TABLE dataset_permissions (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
    PRIMARY KEY (dataset_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX dataset_permissions_of_user ON dataset_permissions (user_id, dataset_id, level);

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

CREATE TABLE left_commits (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    left_at    TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

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
CREATE INDEX jobs_running ON jobs (seq) WHERE status = 'running';
CREATE INDEX jobs_of_output_ref ON jobs (dataset_id, run_parameters ->> '$.output_ref');

CREATE TABLE histories (
    dataset_id INTEGER NOT NULL,
    source_ref TEXT NOT NULL,
    user_id    INTEGER NOT NULL,
    run_type   TEXT NOT NULL,
    status     TEXT NOT NULL,
    jobs       INTEGER NOT NULL CHECK (jobs >= 0),
    newest_seq INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    blocks_end INTEGER NOT NULL DEFAULT 0,
    tail_jobs  INTEGER NOT NULL CHECK (tail_jobs BETWEEN 0 AND jobs),
    PRIMARY KEY (dataset_id, source_ref, user_id, run_type, status)
) STRICT, WITHOUT ROWID;

CREATE INDEX histories_of_user ON histories (user_id, source_ref);

CREATE TABLE history_blocks (
    dataset_id INTEGER NOT NULL,
    source_ref TEXT NOT NULL,
    user_id    INTEGER NOT NULL,
    run_type   TEXT NOT NULL,
    status     TEXT NOT NULL,
    level      INTEGER NOT NULL CHECK (level IN (1, 2, 3)),
    end_seq    INTEGER NOT NULL,
    jobs       INTEGER NOT NULL CHECK (jobs >= 0),
    PRIMARY KEY (dataset_id, source_ref, user_id, run_type, status, level, end_seq),
    FOREIGN KEY (dataset_id, source_ref, user_id, run_type, status)
        REFERENCES histories (dataset_id, source_ref, user_id, run_type, status) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE VIEW job_histories AS
    SELECT seq, of_dataset * dataset_id AS dataset_id,
           iif(from_ref, run_parameters ->> '$.source_ref', '') AS source_ref,
           of_user * user_id AS user_id,
           iif(of_kind, run_type, '') AS run_type, iif(of_kind, status, '') AS status
    FROM jobs CROSS JOIN (
        SELECT 0 AS of_dataset, 0 AS of_user, 0 AS from_ref, 0 AS of_kind
        UNION ALL
        VALUES (0, 0, 0, 1), (1, 0, 0, 0), (1, 0, 0, 1), (1, 1, 0, 0), (1, 1, 0, 1), (1, 1, 1, 1))
    WHERE completed_at IS NOT NULL
      AND (NOT from_ref OR run_parameters ->> '$.source_ref' IS NOT NULL);

CREATE INDEX jobs_ended ON jobs (run_type, status, seq, dataset_id)
    WHERE completed_at IS NOT NULL;
CREATE INDEX jobs_ended_of_dataset ON jobs (dataset_id, run_type, status, seq)
    WHERE completed_at IS NOT NULL;
CREATE INDEX jobs_ended_of_user ON jobs (dataset_id, user_id, run_type, status, seq)
    WHERE completed_at IS NOT NULL;
CREATE INDEX jobs_ended_from_ref
    ON jobs (dataset_id, run_parameters ->> '$.source_ref', user_id, run_type, status, seq)
    WHERE completed_at IS NOT NULL AND run_parameters ->> '$.source_ref' IS NOT NULL;

CREATE TRIGGER jobs_start_waiting BEFORE INSERT ON jobs WHEN NEW.status <> 'pending'
BEGIN SELECT RAISE(ABORT, 'a job starts its life waiting'); END;

CREATE TRIGGER jobs_asked_is_asked
BEFORE UPDATE OF seq, run_type, dataset_id, user_id, run_parameters, created_at ON jobs
BEGIN SELECT RAISE(ABORT, 'what a job was asked for never changes'); END;

CREATE TRIGGER jobs_enter_histories AFTER UPDATE OF status ON jobs
WHEN NEW.completed_at IS NOT NULL AND OLD.completed_at IS NULL
BEGIN
    INSERT INTO histories (dataset_id, source_ref, user_id, run_type, status,
                           jobs, newest_seq, changed_at, tail_jobs)
    SELECT dataset_id, source_ref, user_id, run_type, status, 1, seq, seq, 1
    FROM job_histories WHERE seq = NEW.seq
    ON CONFLICT (dataset_id, source_ref, user_id, run_type, status) DO UPDATE
    SET jobs = jobs + 1, newest_seq = max(newest_seq, NEW.seq), changed_at = NEW.seq,
        tail_jobs = tail_jobs + (NEW.seq > blocks_end);
END;

CREATE TRIGGER jobs_leave_histories BEFORE DELETE ON jobs WHEN OLD.completed_at IS NOT NULL
BEGIN
    UPDATE histories
    SET jobs = jobs - 1, changed_at = OLD.seq, tail_jobs = tail_jobs - (OLD.seq > blocks_end)
    WHERE (dataset_id, source_ref, user_id, run_type, status) IN (
        SELECT dataset_id, source_ref, user_id, run_type, status
        FROM job_histories WHERE seq = OLD.seq);
END;

CREATE TRIGGER histories_change_block AFTER UPDATE OF jobs ON histories
WHEN NEW.changed_at <= NEW.blocks_end
BEGIN
    UPDATE history_blocks SET jobs = jobs + NEW.jobs - OLD.jobs
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
      AND (level, end_seq) IN (
        SELECT levels.level, (
            SELECT min(end_seq) FROM history_blocks
            WHERE (dataset_id, source_ref, user_id, run_type, status)
                = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
              AND level = levels.level AND end_seq >= NEW.changed_at)
        FROM (SELECT 1 AS level UNION ALL VALUES (2), (3)) AS levels);
END;

CREATE TRIGGER histories_close_block AFTER UPDATE OF tail_jobs ON histories
WHEN NEW.tail_jobs >= 32
BEGIN
    INSERT INTO history_blocks
        (dataset_id, source_ref, user_id, run_type, status, level, end_seq, jobs)
    VALUES (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status,
            1, NEW.newest_seq, NEW.tail_jobs);
    UPDATE histories SET tail_jobs = 0, blocks_end = newest_seq
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status);
END;

CREATE TRIGGER history_blocks_close_block AFTER INSERT ON history_blocks WHEN NEW.level = 1
BEGIN
    INSERT INTO history_blocks
        (dataset_id, source_ref, user_id, run_type, status, level, end_seq, jobs)
    SELECT dataset_id, source_ref, user_id, run_type, status, 2, NEW.end_seq, sum(jobs)
    FROM history_blocks
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
      AND level = 1
      AND end_seq > coalesce((
        SELECT max(end_seq) FROM history_blocks
        WHERE (dataset_id, source_ref, user_id, run_type, status)
            = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
          AND level = 2), 0)
    GROUP BY dataset_id, source_ref, user_id, run_type, status HAVING count(*) >= 32;
    INSERT INTO history_blocks
        (dataset_id, source_ref, user_id, run_type, status, level, end_seq, jobs)
    SELECT dataset_id, source_ref, user_id, run_type, status, 3, NEW.end_seq, sum(jobs)
    FROM history_blocks
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
      AND level = 2
      AND end_seq > coalesce((
        SELECT max(end_seq) FROM history_blocks
        WHERE (dataset_id, source_ref, user_id, run_type, status)
            = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
          AND level = 3), 0)
    GROUP BY dataset_id, source_ref, user_id, run_type, status HAVING count(*) >= 32;
END;

CREATE TRIGGER histories_forget AFTER UPDATE OF jobs ON histories WHEN NEW.jobs = 0
BEGIN
    DELETE FROM histories
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status);
END;

CREATE TABLE clock_steps (
    seq INTEGER PRIMARY KEY
) STRICT;

CREATE TRIGGER jobs_note_clock_step AFTER INSERT ON jobs
WHEN NEW.created_at < (SELECT created_at FROM jobs WHERE seq < NEW.seq ORDER BY seq DESC LIMIT 1)
BEGIN INSERT INTO clock_steps (seq) VALUES (NEW.seq); END;

CREATE TRIGGER jobs_final_is_final BEFORE UPDATE OF status ON jobs
WHEN OLD.status IN ('completed', 'failed')
BEGIN SELECT RAISE(ABORT, 'a finished job never changes its status'); END;

CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
CREATE INDEX refs_of_commit ON refs (commit_id);
CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
    WHERE source_commit_id IS NOT NULL;
CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
    WHERE output_commit_id IS NOT NULL;
CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id);

CREATE TABLE comparisons (
    job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    made_at TEXT NOT NULL,
    brief   TEXT NOT NULL CHECK (json_valid(brief)),
    whole   TEXT NOT NULL CHECK (json_valid(whole))
) STRICT;

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
