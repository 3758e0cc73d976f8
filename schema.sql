-- Every table of the job service. What changes lives here; the data itself lives in Parquet files,
-- which never change. Times are ISO 8601 UTC text with microseconds and offset, so that they sort.
-- The schema's version is SQLite's user_version; storage/migrations.py brings older files forward.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    soeid         TEXT NOT NULL CHECK (soeid <> ''),
    role_name     TEXT NOT NULL CHECK (role_name IN ('admin', 'analyst', 'viewer')),
    password_hash TEXT,                       -- scrypt; NULL until a password is set: no sign-in
    created_at    TEXT NOT NULL,
    removed_at    TEXT                        -- a removed user stays for the history of their jobs
) STRICT;

-- A removed user's soeid can be given to a new user. NOCASE: 'BG54677' signs in as 'bg54677'.
CREATE UNIQUE INDEX users_soeid ON users (soeid COLLATE NOCASE) WHERE removed_at IS NULL;
-- All users that ever had a soeid, for lists of their jobs.
CREATE INDEX users_of_soeid ON users (soeid COLLATE NOCASE);

CREATE TABLE tokens (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash TEXT NOT NULL UNIQUE CHECK (length(token_hash) = 64),  -- SHA-256; the token is not kept
    user_id    INTEGER NOT NULL REFERENCES users (id),
    kind       TEXT NOT NULL CHECK (kind IN ('session', 'named', 'operator')),
    name       TEXT NOT NULL,
    scope      TEXT NOT NULL CHECK (scope IN ('read', 'write')),
    created_at TEXT NOT NULL,
    expires_at TEXT,
    -- Only a named token may live on without an end; a sign-in always ends.
    CHECK (kind = 'named' OR expires_at IS NOT NULL)
) STRICT;

CREATE INDEX tokens_of_user ON tokens (user_id);

-- One-time links with which a user sets a password. At most one is open for each user.
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
    updated_at  TEXT NOT NULL,                -- when its texts or a ref of it last changed
    removed_at  TEXT                          -- a removed dataset is invisible, jobs and all
) STRICT;

-- Not unique: a maker has two of one name when whoever renames the second can't see the first, since
-- a conflict must not tell of a dataset that one may not see.
CREATE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE) WHERE removed_at IS NULL;

-- The datasets that changed last come first in a list, without all being sorted.
CREATE INDEX datasets_changed ON datasets (updated_at, id) WHERE removed_at IS NULL;

-- What a list of everything must leave out.
CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;

CREATE TABLE dataset_permissions (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    user_id    INTEGER NOT NULL REFERENCES users (id),
    level      TEXT NOT NULL CHECK (level IN ('read', 'write', 'admin')),
    PRIMARY KEY (dataset_id, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX dataset_permissions_of_user ON dataset_permissions (user_id, dataset_id, level);

-- A commit is immutable: its id is the SHA-256 of its canonical manifest, the JSON kept here.
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

-- Which data files a commit names: what the sweep must leave alone.
CREATE TABLE commit_files (
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    PRIMARY KEY (sha256, dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- A ref names a commit, or none yet (an empty dataset's main). It moves by compare-and-swap.
CREATE TABLE refs (
    dataset_id INTEGER NOT NULL REFERENCES datasets (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    commit_id  TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (dataset_id, name),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- When a ref last left a commit, by going or by moving elsewhere than forward: for a while such a
-- commit, and what comes before it, is kept. One without an entry here never lost a ref.
CREATE TABLE left_commits (
    dataset_id INTEGER NOT NULL,
    commit_id  TEXT NOT NULL,
    left_at    TEXT NOT NULL,
    PRIMARY KEY (dataset_id, commit_id),
    FOREIGN KEY (dataset_id, commit_id) REFERENCES commits (dataset_id, id)
) STRICT, WITHOUT ROWID;

-- A job's life. pending: waits its turn; nothing has been done.   claim    -> running
--               running: a thread works on it.                    finish   -> completed
--                        After a crash it waits again.            fail     -> failed
--                        After a passing fault, for a while.      recover  -> pending
--               completed, failed: final.                         postpone -> pending
--               A pending or running job is cancelled at once.    cancel   -> failed
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
    retry_of         TEXT REFERENCES jobs (id),           -- the failed job that this one repeats
    lane             TEXT NOT NULL DEFAULT 'short'        -- each lane has threads of its own
                     CHECK (lane IN ('short', 'long')),
    priority         INTEGER NOT NULL DEFAULT 0           -- 0: interactive, goes before 1: batch
                     CHECK (priority IN (0, 1)),
    not_before       TEXT                                 -- when a passing fault may be over
                     CHECK (not_before IS NULL OR status = 'pending'),
    request_id       TEXT,                                -- the request that asked for it, as logged
    crashes          INTEGER NOT NULL DEFAULT 0           -- how often the process died while it ran
                     CHECK (crashes >= 0),
    FOREIGN KEY (dataset_id, source_commit_id) REFERENCES commits (dataset_id, id),
    FOREIGN KEY (dataset_id, output_commit_id) REFERENCES commits (dataset_id, id),
    -- Each status has its timestamps and its outcome, and no other's.
    CHECK (status <> 'pending' OR (started_at IS NULL AND completed_at IS NULL)),
    CHECK (status <> 'running' OR (started_at IS NOT NULL AND completed_at IS NULL AND attempt > 0)),
    CHECK (status <> 'completed' OR (started_at IS NOT NULL AND completed_at IS NOT NULL
                                     AND output_summary IS NOT NULL AND progress = 100)),
    CHECK (status <> 'failed' OR completed_at IS NOT NULL),
    CHECK ((status = 'failed') = (error_code IS NOT NULL)),
    CHECK ((status = 'failed') = (error_message IS NOT NULL)),
    CHECK (status = 'completed' OR (output_summary IS NULL AND output_commit_id IS NULL))
) STRICT;

-- Whose turn it is in a lane, at a priority: the user with the lowest turn is served next, and then goes last.
CREATE TABLE queue_turns (
    lane     TEXT NOT NULL CHECK (lane IN ('short', 'long')),
    priority INTEGER NOT NULL CHECK (priority IN (0, 1)),
    user_id  INTEGER NOT NULL REFERENCES users (id),
    turn     INTEGER NOT NULL,
    PRIMARY KEY (lane, priority, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_turns_order ON queue_turns (lane, priority, turn);

-- What a job did, step by step. Kept by triggers, so that no change of a job can go unlogged.
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

-- What a client's Idempotency-Key stood for: the same key and request give the same job, for a day.
-- Written with its job, so that a crash leaves both or none.
CREATE TABLE idempotency_keys (
    user_id      INTEGER NOT NULL REFERENCES users (id),
    key          TEXT NOT NULL CHECK (key <> ''),
    request_hash TEXT NOT NULL CHECK (length(request_hash) = 64),
    job_id       TEXT NOT NULL REFERENCES jobs (id),
    created_at   TEXT NOT NULL,
    PRIMARY KEY (user_id, key)
) STRICT, WITHOUT ROWID;

CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- Claiming looks at the first waiting job of each user, however long the history and the queue are.
CREATE INDEX jobs_waiting ON jobs (lane, user_id, priority, seq) WHERE status = 'pending';
CREATE INDEX jobs_postponed ON jobs (not_before) WHERE not_before IS NOT NULL;
CREATE INDEX jobs_running ON jobs (seq) WHERE status = 'running';
-- Who made, or is to make, a ref; and all jobs of a dataset, for when it goes.
CREATE INDEX jobs_of_output_ref ON jobs (dataset_id, run_parameters ->> '$.output_ref');

-- A history holds the ended jobs of all datasets; of one dataset; of one user there; of that user,
-- from one ref. Each but the last is there once for every run type and status, and once for all of
-- them. Lists add up histories: see storage/histories.py.
CREATE TABLE histories (
    dataset_id INTEGER NOT NULL,              -- 0: of all datasets
    source_ref TEXT NOT NULL,                 -- '': from any ref, or from none
    user_id    INTEGER NOT NULL,              -- 0: of all users
    run_type   TEXT NOT NULL,                 -- '': of all run types and statuses
    status     TEXT NOT NULL,
    jobs       INTEGER NOT NULL CHECK (jobs >= 0),
    newest_seq INTEGER NOT NULL,              -- no job of it lies beyond
    changed_at INTEGER NOT NULL,              -- the seq of the job that last came or went
    blocks_end INTEGER NOT NULL DEFAULT 0,    -- where its last block ends
    tail_jobs  INTEGER NOT NULL CHECK (tail_jobs BETWEEN 0 AND jobs),     -- those beyond it
    PRIMARY KEY (dataset_id, source_ref, user_id, run_type, status)
) STRICT, WITHOUT ROWID;

CREATE INDEX histories_of_user ON histories (user_id, source_ref);

-- A long history, cut by seq into blocks with a count for each: a part of it is counted by whole
-- blocks, and at its ends job by job. A block begins where the one before it ends. On level 1 it has
-- 32 jobs as it is closed; on level 2 it is 32 blocks of level 1, on level 3 32 of level 2.
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

-- Which histories an ended job is in, by their keys.
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

-- And how each finds its jobs.
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

-- A slow job ends, or a job is deleted, after its block was closed.
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

-- A trigger doesn't set itself off: both levels are looked after here.
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

-- Where the clock was set back: between two steps jobs are in order of time, so that a time is
-- found by halving.
CREATE TABLE clock_steps (
    seq INTEGER PRIMARY KEY                   -- of the first job after the step
) STRICT;

CREATE TRIGGER jobs_note_clock_step AFTER INSERT ON jobs
WHEN NEW.created_at < (SELECT created_at FROM jobs WHERE seq < NEW.seq ORDER BY seq DESC LIMIT 1)
BEGIN INSERT INTO clock_steps (seq) VALUES (NEW.seq); END;

CREATE TRIGGER jobs_final_is_final BEFORE UPDATE OF status ON jobs
WHEN OLD.status IN ('completed', 'failed')
BEGIN SELECT RAISE(ABORT, 'a finished job never changes its status'); END;

-- What refers to a commit or to a job, so that a prune asks before it removes one, and SQLite, too.
CREATE INDEX commits_of_parent ON commits (dataset_id, parent_id) WHERE parent_id IS NOT NULL;
CREATE INDEX commit_files_of_commit ON commit_files (dataset_id, commit_id);
-- By the commit alone: beside the dataset SQLite 3.46 would go through all of its refs.
CREATE INDEX refs_of_commit ON refs (commit_id);
CREATE INDEX jobs_of_source ON jobs (dataset_id, source_commit_id)
    WHERE source_commit_id IS NOT NULL;
CREATE INDEX jobs_of_output ON jobs (dataset_id, output_commit_id)
    WHERE output_commit_id IS NOT NULL;
CREATE INDEX jobs_of_retried ON jobs (retry_of) WHERE retry_of IS NOT NULL;
CREATE INDEX idempotency_keys_of_job ON idempotency_keys (job_id);

-- Whether a sampling job's sample is like its population; made after the job, and again if need be.
-- The brief form is read with each job and stands first: SQLite reads a long row only as far as asked.
CREATE TABLE comparisons (
    job_id  TEXT PRIMARY KEY NOT NULL REFERENCES jobs (id),
    made_at TEXT NOT NULL,
    brief   TEXT NOT NULL CHECK (json_valid(brief)),
    whole   TEXT NOT NULL CHECK (json_valid(whole))
) STRICT;

-- Who did what: the audit trail. Entries outlive what they tell of: no references.
CREATE TABLE audit_log (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    at             TEXT NOT NULL,
    action         TEXT NOT NULL CHECK (action <> ''),
    user_id        INTEGER,                    -- NULL: the service itself, or a failed sign-in
    user_soeid     TEXT NOT NULL,              -- as it was then
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

-- INSERT OR REPLACE takes the old row out without a DELETE trigger.
CREATE TRIGGER audit_log_never_replaces BEFORE INSERT ON audit_log
WHEN EXISTS (SELECT 1 FROM audit_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'an audit entry is never replaced'); END;

-- Draws that a user keeps to start others from: the body of a sampling job, whatever the dataset.
CREATE TABLE draw_templates (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id    INTEGER NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL CHECK (name <> ''),
    body       TEXT NOT NULL CHECK (json_valid(body)),
    created_at TEXT NOT NULL
) STRICT;

CREATE UNIQUE INDEX draw_templates_name ON draw_templates (user_id, name COLLATE NOCASE);
