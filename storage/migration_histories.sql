-- Lists of jobs by histories: the tables, counted from the jobs that are there, and what keeps them.

CREATE INDEX users_of_soeid ON users (soeid COLLATE NOCASE);
CREATE INDEX datasets_removed ON datasets (id) WHERE removed_at IS NOT NULL;

DROP INDEX jobs_of_dataset;
DROP INDEX jobs_of_user;
DROP INDEX jobs_of_status;
DROP INDEX jobs_of_run_type;
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

CREATE TABLE clock_steps (
    seq INTEGER PRIMARY KEY
) STRICT;

INSERT INTO histories (dataset_id, source_ref, user_id, run_type, status,
                       jobs, newest_seq, changed_at, tail_jobs)
SELECT dataset_id, source_ref, user_id, run_type, status, jobs, newest_seq, newest_seq, jobs
FROM (
    SELECT 0 AS dataset_id, '' AS source_ref, 0 AS user_id, run_type, status,
           count(*) AS jobs, max(seq) AS newest_seq
    FROM jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL
    GROUP BY run_type, status
    UNION ALL
    SELECT dataset_id, '', 0, run_type, status, count(*), max(seq)
    FROM jobs INDEXED BY jobs_ended_of_dataset WHERE completed_at IS NOT NULL
    GROUP BY dataset_id, run_type, status
    UNION ALL
    SELECT dataset_id, '', user_id, run_type, status, count(*), max(seq)
    FROM jobs INDEXED BY jobs_ended_of_user WHERE completed_at IS NOT NULL
    GROUP BY dataset_id, user_id, run_type, status
    UNION ALL
    -- All are equal; max() takes them from the index, without a look at the job.
    SELECT dataset_id, max(run_parameters ->> '$.source_ref'), user_id, run_type, status,
           count(*), max(seq)
    FROM jobs INDEXED BY jobs_ended_from_ref
    WHERE completed_at IS NOT NULL AND run_parameters ->> '$.source_ref' IS NOT NULL
    GROUP BY dataset_id, run_parameters ->> '$.source_ref', user_id, run_type, status
);

INSERT INTO histories (dataset_id, source_ref, user_id, run_type, status,
                       jobs, newest_seq, changed_at, tail_jobs)
SELECT dataset_id, '', user_id, '', '', sum(jobs), max(newest_seq), max(newest_seq), sum(jobs)
FROM histories WHERE source_ref = '' GROUP BY dataset_id, user_id;

INSERT INTO history_blocks (dataset_id, source_ref, user_id, run_type, status,
                            level, end_seq, jobs)
-- Materialized, the refs come from the index; a window would look at each job for its own.
WITH jobs_from_ref AS MATERIALIZED (
    SELECT dataset_id, run_parameters ->> '$.source_ref' AS source_ref, user_id, run_type, status,
           seq
    FROM jobs INDEXED BY jobs_ended_from_ref
    WHERE completed_at IS NOT NULL AND run_parameters ->> '$.source_ref' IS NOT NULL
)
SELECT dataset_id, source_ref, user_id, run_type, status, size.level, seq, size.jobs
FROM (
    SELECT 0 AS dataset_id, '' AS source_ref, 0 AS user_id, run_type, status, seq,
           row_number() OVER (PARTITION BY run_type, status ORDER BY seq) AS number
    FROM jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT 0, '', 0, '', '', seq, row_number() OVER (ORDER BY seq)
    FROM jobs INDEXED BY jobs_ended WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT dataset_id, '', 0, run_type, status, seq,
           row_number() OVER (PARTITION BY dataset_id, run_type, status ORDER BY seq)
    FROM jobs INDEXED BY jobs_ended_of_dataset WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT dataset_id, '', 0, '', '', seq, row_number() OVER (PARTITION BY dataset_id ORDER BY seq)
    FROM jobs INDEXED BY jobs_ended_of_dataset WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT dataset_id, '', user_id, run_type, status, seq,
           row_number() OVER (PARTITION BY dataset_id, user_id, run_type, status ORDER BY seq)
    FROM jobs INDEXED BY jobs_ended_of_user WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT dataset_id, '', user_id, '', '', seq,
           row_number() OVER (PARTITION BY dataset_id, user_id ORDER BY seq)
    FROM jobs INDEXED BY jobs_ended_of_user WHERE completed_at IS NOT NULL
    UNION ALL
    SELECT dataset_id, source_ref, user_id, run_type, status, seq,
           row_number() OVER (PARTITION BY dataset_id, source_ref, user_id, run_type, status
                              ORDER BY seq)
    FROM jobs_from_ref
) CROSS JOIN (SELECT 1 AS level, 32 AS jobs
              UNION ALL VALUES (2, 32 * 32), (3, 32 * 32 * 32)) AS size
WHERE number % 32 = 0 AND number % size.jobs = 0;

UPDATE histories SET blocks_end = closed.end_seq, tail_jobs = histories.jobs - closed.jobs
FROM (SELECT dataset_id, source_ref, user_id, run_type, status,
             max(end_seq) AS end_seq, sum(jobs) AS jobs
      FROM history_blocks WHERE level = 1
      GROUP BY dataset_id, source_ref, user_id, run_type, status) AS closed
WHERE (histories.dataset_id, histories.source_ref, histories.user_id,
       histories.run_type, histories.status)
    = (closed.dataset_id, closed.source_ref, closed.user_id, closed.run_type, closed.status);

INSERT INTO clock_steps (seq)
SELECT seq FROM (SELECT seq, created_at < lag(created_at) OVER (ORDER BY seq) AS back FROM jobs)
WHERE back;

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

CREATE TRIGGER jobs_note_clock_step AFTER INSERT ON jobs
WHEN NEW.created_at < (SELECT created_at FROM jobs WHERE seq < NEW.seq ORDER BY seq DESC LIMIT 1)
BEGIN INSERT INTO clock_steps (seq) VALUES (NEW.seq); END;
