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
    end_seq    INTEGER NOT NULL,
    jobs       INTEGER NOT NULL CHECK (jobs >= 0),
    PRIMARY KEY (dataset_id, source_ref, user_id, run_type, status, end_seq),
    FOREIGN KEY (dataset_id, source_ref, user_id, run_type, status)
        REFERENCES histories (dataset_id, source_ref, user_id, run_type, status) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE VIEW job_histories AS
    SELECT seq, iif(level > 0, dataset_id, 0) AS dataset_id,
           iif(level > 2, run_parameters ->> '$.source_ref', '') AS source_ref,
           iif(level > 1, user_id, 0) AS user_id, run_type, status
    FROM jobs CROSS JOIN (SELECT 0 AS level UNION ALL VALUES (1), (2), (3))
    WHERE completed_at IS NOT NULL
      AND (level < 3 OR run_parameters ->> '$.source_ref' IS NOT NULL);

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
SELECT dataset_id, source_ref, user_id, run_type, status, count(*), max(seq), max(seq), count(*)
FROM job_histories GROUP BY dataset_id, source_ref, user_id, run_type, status;

INSERT INTO history_blocks (dataset_id, source_ref, user_id, run_type, status, end_seq, jobs)
SELECT dataset_id, source_ref, user_id, run_type, status, max(seq), count(*)
FROM (
    SELECT job_histories.*, block_jobs,
           (row_number() OVER (PARTITION BY dataset_id, source_ref, user_id, run_type, status
                               ORDER BY seq) - 1) / block_jobs AS block
    FROM job_histories CROSS JOIN (
        SELECT histories.*, (SELECT min(value) FROM json_each('[64, 256, 1024, 4096, 16384]')
                             WHERE value * value >= jobs) AS block_jobs
        FROM histories) USING (dataset_id, source_ref, user_id, run_type, status)
    WHERE jobs >= 64)
GROUP BY dataset_id, source_ref, user_id, run_type, status, block
HAVING count(*) = block_jobs;

UPDATE histories SET blocks_end = closed.end_seq, tail_jobs = histories.jobs - closed.jobs
FROM (SELECT dataset_id, source_ref, user_id, run_type, status,
             max(end_seq) AS end_seq, sum(jobs) AS jobs
      FROM history_blocks GROUP BY dataset_id, source_ref, user_id, run_type, status) AS closed
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
      AND end_seq = (
        SELECT min(end_seq) FROM history_blocks
        WHERE (dataset_id, source_ref, user_id, run_type, status)
            = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status)
          AND end_seq >= NEW.changed_at);
END;

CREATE TRIGGER histories_close_block AFTER UPDATE OF tail_jobs ON histories
WHEN NEW.tail_jobs >= 64 AND NEW.tail_jobs * NEW.tail_jobs >= NEW.jobs
BEGIN
    INSERT INTO history_blocks (dataset_id, source_ref, user_id, run_type, status, end_seq, jobs)
    VALUES (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status,
            NEW.newest_seq, NEW.tail_jobs);
    UPDATE histories SET tail_jobs = 0, blocks_end = newest_seq
    WHERE (dataset_id, source_ref, user_id, run_type, status)
        = (NEW.dataset_id, NEW.source_ref, NEW.user_id, NEW.run_type, NEW.status);
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
