-- All SQLite tables of the job service. The data are in immutable Parquet files. Times are ISO 8601
-- UTC text with microseconds and offset, so that text order is time order. SQLite's user_version is
-- the schema's version; storage/sqlite/migrations.py migrates older databases.

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

CREATE TABLE datasets (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL CHECK (name <> ''),
    description TEXT NOT NULL DEFAULT '',
    tags        TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(tags) AND json_type(tags) = 'array'),
    created_by  INTEGER NOT NULL REFERENCES users (id),
    created_at  TEXT NOT NULL,
    updated_at  TEXT NOT NULL,                -- last change of its texts or refs
    removed_at  TEXT                          -- a removed dataset and its jobs are hidden
) STRICT;

-- Not unique: an error must not disclose a dataset that the user can't see, so a rename can give a
-- creator two datasets of the same name.
CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE) WHERE removed_at IS NULL;

-- Lists the latest changed datasets first without a sort.
CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;

-- Excludes removed datasets from lists of all jobs.
CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;

CREATE TABLE dataset_permissions (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
    PRIMARY KEY (dataset_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX dataset_permissions_of_user ON dataset_permissions (user_id, dataset_id, level);

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

-- The data files that a commit references; other files are orphans.
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

-- The last time at which a ref left a commit: by its deletion, or by a move to a commit other than a
-- child. A prune retains such a commit and its ancestors for a while.
CREATE TABLE left_commits (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    left_at    TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

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
CREATE INDEX jobs_running ON jobs (seq) WHERE status = 'running';
-- Finds the job of an output ref, and all jobs of a dataset that is pruned.
CREATE INDEX jobs_of_output_ref ON jobs (dataset_id, run_parameters ->> '$.output_ref');

-- Counts of ended jobs: of all datasets; of one dataset; of one user there; of that user, from one
-- ref. Each except the last exists for every run type and status, and for all of them together. Lists
-- add up these counts.
CREATE TABLE histories (
    dataset_id INTEGER NOT NULL,              -- 0: all datasets
    source_ref TEXT NOT NULL,                 -- '': any ref or none
    user_id    INTEGER NOT NULL,              -- 0: all users
    run_type   TEXT NOT NULL,                 -- '': all run types and statuses
    status     TEXT NOT NULL,
    jobs       INTEGER NOT NULL CHECK (jobs >= 0),
    newest_seq INTEGER NOT NULL,              -- upper bound of the seqs of its jobs
    changed_at INTEGER NOT NULL,              -- seq of the job last added or removed
    blocks_end INTEGER NOT NULL DEFAULT 0,    -- seq at which its last block ends
    tail_jobs  INTEGER NOT NULL CHECK (tail_jobs BETWEEN 0 AND jobs),     -- jobs after it
    PRIMARY KEY (dataset_id, source_ref, user_id, run_type, status)
) STRICT, WITHOUT ROWID;

CREATE INDEX histories_of_user ON histories (user_id, source_ref);

-- Blocks of a long history by seq, with counts: a range is counted by whole blocks, and at its ends
-- job by job. A block begins at the end of the previous one. A block of level 1 has 32 jobs when it is
-- closed; of level 2, 32 blocks of level 1; of level 3, 32 of level 2.
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

-- The keys of the histories that count an ended job.
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

-- The jobs of each history.
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

-- Updates a closed block when a slow job of it ends or a job of it is deleted.
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

-- Triggers aren't recursive: this one closes blocks of levels 2 and 3.
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

-- The steps at which the clock was set back. Between two steps the jobs are in time order, so that
-- binary search finds a time.
CREATE TABLE clock_steps (
    seq INTEGER PRIMARY KEY                   -- the first job after the step
) STRICT;

CREATE TRIGGER jobs_note_clock_step AFTER INSERT ON jobs
WHEN NEW.created_at < (SELECT created_at FROM jobs WHERE seq < NEW.seq ORDER BY seq DESC LIMIT 1)
BEGIN INSERT INTO clock_steps (seq) VALUES (NEW.seq); END;

CREATE TRIGGER jobs_final_is_final BEFORE UPDATE OF status ON jobs
WHEN OLD.status IN ('completed', 'failed')
BEGIN SELECT RAISE(ABORT, 'a finished job never changes its status'); END;

-- References to a commit or a job, for prunes and for SQLite's foreign keys.
CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
-- Only the commit: with the dataset, SQLite 3.46 would scan all refs of the dataset.
CREATE INDEX refs_of_commit ON refs (commit_id);
CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
    WHERE source_commit_id IS NOT NULL;
CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
    WHERE output_commit_id IS NOT NULL;
CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
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
