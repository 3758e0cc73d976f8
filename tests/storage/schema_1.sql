-- Every table of the job service. What changes lives here; the data itself lives in Parquet files,
-- which never change. Times are ISO 8601 UTC text with microseconds and offset, so that they sort.
-- The schema's version is SQLite's user_version; storage/sqlite/migrations.py brings older files forward.

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
    updated_at  TEXT NOT NULL,
    removed_at  TEXT                          -- a removed dataset is invisible, jobs and all
) STRICT;

-- Unique for its maker alone: a conflict must not tell of a dataset that one may not see.
CREATE UNIQUE INDEX datasets_name ON datasets (created_by, name COLLATE NOCASE)
    WHERE removed_at IS NULL;

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

-- A job's life. pending: waits its turn; nothing has been done.   claim    -> running
--               running: a thread works on it.                    finish   -> completed
--                        After a crash it waits again.            fail     -> failed
--               completed, failed: final.                         recover  -> pending
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

-- Claiming looks at waiting jobs alone, however long the history is.
CREATE INDEX jobs_waiting ON jobs (seq) WHERE status = 'pending';
CREATE INDEX jobs_running ON jobs (seq) WHERE status = 'running';
-- The list's filters, each newest first.
CREATE INDEX jobs_of_dataset ON jobs (dataset_id, seq);
CREATE INDEX jobs_of_user ON jobs (user_id, seq);
CREATE INDEX jobs_of_status ON jobs (status, seq);
CREATE INDEX jobs_of_run_type ON jobs (run_type, seq);

CREATE TRIGGER jobs_final_is_final BEFORE UPDATE OF status ON jobs
WHEN OLD.status IN ('completed', 'failed')
BEGIN SELECT RAISE(ABORT, 'a finished job never changes its status'); END;
