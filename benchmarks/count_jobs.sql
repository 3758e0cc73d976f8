-- Count all jobs of a database that was filled without the triggers of schema.sql.

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
    -- All are equal; max() takes them from the index, without reading the job.
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
-- Materialized, the refs come from the index; a window would read each job.
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
