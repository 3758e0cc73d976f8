-- Every statement that the product sends to SQLite. What stands in braces is filled from the tables
-- of fragments beside its callers; all values are bound.

-- insert_user: A new user; without a password hash they can't sign in yet.
INSERT INTO users (soeid, role_name, password_hash, created_at)
VALUES (:soeid, :role_name, :password_hash, :created_at)
RETURNING *;

-- user_by_id: A user, removed or not.
SELECT * FROM users WHERE id = :id;

-- user_by_soeid: The present user with this soeid.
SELECT * FROM users WHERE soeid = :soeid COLLATE NOCASE AND removed_at IS NULL;

-- user_ids_of_soeid: All users that ever had a soeid, removed or not.
SELECT id FROM users WHERE soeid = :soeid COLLATE NOCASE;

-- list_users: Present users by soeid; q is a part of it, in any case, or NULL.
SELECT * FROM users
WHERE removed_at IS NULL AND (:q IS NULL OR instr(lower(soeid), lower(:q)))
ORDER BY soeid COLLATE NOCASE, id
LIMIT :limit OFFSET :offset;

-- count_users: How many users list_users has in all.
SELECT count(*) FROM users
WHERE removed_at IS NULL AND (:q IS NULL OR instr(lower(soeid), lower(:q)));

-- count_admins: How many present admins there are.
SELECT count(*) FROM users WHERE removed_at IS NULL AND role_name = 'admin';

-- count_users_with_password: Whether anyone can sign in yet.
SELECT count(*) FROM users WHERE removed_at IS NULL AND password_hash IS NOT NULL;

-- first_admin: The admin that has been here longest.
SELECT * FROM users WHERE removed_at IS NULL AND role_name = 'admin' ORDER BY id LIMIT 1;

-- update_user: Change a present user's role or password; NULL leaves a field as it is.
UPDATE users
SET role_name = coalesce(:role_name, role_name),
    password_hash = coalesce(:password_hash, password_hash)
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- remove_user: Take a user out; their jobs and commits keep their name.
UPDATE users SET removed_at = :removed_at, password_hash = NULL
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- put_sign_in_link: Open a one-time link, which closes an earlier one of the same user.
INSERT INTO sign_in_links (user_id, code_hash, expires_at)
VALUES (:user_id, :code_hash, :expires_at)
ON CONFLICT (user_id) DO UPDATE SET code_hash = :code_hash, expires_at = :expires_at;

-- sign_in_link_user: The user of a link that is still open.
SELECT users.* FROM sign_in_links JOIN users ON users.id = sign_in_links.user_id
WHERE code_hash = :code_hash AND expires_at > :now AND removed_at IS NULL;

-- use_sign_in_link: Close a link; no row back means that it was used or has ended.
DELETE FROM sign_in_links WHERE code_hash = :code_hash AND expires_at > :now
RETURNING user_id;

-- insert_token: Keep a token's hash.
INSERT INTO tokens (token_hash, user_id, kind, name, scope, created_at, expires_at)
VALUES (:token_hash, :user_id, :kind, :name, :scope, :created_at, :expires_at)
RETURNING *;

-- token_holder: Who a valid token stands for.
SELECT tokens.id AS token_id, tokens.scope, tokens.kind, tokens.name AS token_name, expires_at,
       users.id, users.soeid, users.role_name, users.created_at
FROM tokens JOIN users ON users.id = tokens.user_id
WHERE token_hash = :token_hash AND (expires_at IS NULL OR expires_at > :now)
  AND users.removed_at IS NULL;

-- token_still_held: Who a token stands for by now, while a request that came with it goes on.
SELECT users.id, users.soeid, users.role_name, users.created_at
FROM tokens JOIN users ON users.id = tokens.user_id
WHERE tokens.id = :id AND (expires_at IS NULL OR expires_at > :now) AND users.removed_at IS NULL;

-- list_named_tokens: A user's named tokens, newest first.
SELECT * FROM tokens WHERE user_id = :user_id AND kind = 'named' ORDER BY id DESC
LIMIT :limit OFFSET :offset;

-- count_named_tokens: How many named tokens a user has.
SELECT count(*) FROM tokens WHERE user_id = :user_id AND kind = 'named';

-- delete_token: End one token.
DELETE FROM tokens WHERE id = :id RETURNING id;

-- delete_named_token: End one of a user's named tokens.
DELETE FROM tokens WHERE id = :id AND user_id = :user_id AND kind = 'named' RETURNING *;

-- delete_own_tokens_of_user: End what a user holds; the running server's own token isn't theirs.
DELETE FROM tokens WHERE user_id = :user_id AND kind <> 'operator';

-- delete_sign_in_links_of_user: No link made before leads to a new password any more.
DELETE FROM sign_in_links WHERE user_id = :user_id;

-- delete_tokens_of_user: End all of a user's tokens.
DELETE FROM tokens WHERE user_id = :user_id;

-- delete_ended_tokens: Forget tokens that no longer work, and those of an earlier server.
DELETE FROM tokens WHERE expires_at <= :now OR kind = 'operator';

-- count_ended_tokens: How many tokens no longer work, since when.
SELECT count(*) AS count, min(expires_at) AS oldest, max(expires_at) AS newest FROM tokens
WHERE expires_at <= :now;

-- delete_expired_tokens: Forget tokens that no longer work.
DELETE FROM tokens WHERE expires_at <= :now;

-- count_ended_links: How many sign-in links are open no more, since when.
SELECT count(*) AS count, min(expires_at) AS oldest, max(expires_at) AS newest FROM sign_in_links
WHERE expires_at <= :now;

-- delete_ended_links: Forget sign-in links that are open no more.
DELETE FROM sign_in_links WHERE expires_at <= :now;

-- insert_dataset: A new dataset.
INSERT INTO datasets (name, description, tags, created_by, created_at, updated_at)
VALUES (:name, :description, :tags, :created_by, :now, :now)
RETURNING *;

-- dataset_for: A dataset with what a user may do there; NULL where they may do nothing.
SELECT datasets.*, users.soeid AS created_by_soeid,
       (SELECT level FROM dataset_permissions
        WHERE dataset_id = datasets.id AND user_id = :user_id) AS level
FROM datasets JOIN users ON users.id = datasets.created_by
WHERE datasets.id = :id AND datasets.removed_at IS NULL;

-- list_datasets: The datasets that pass the filters.
SELECT datasets.*, users.soeid AS created_by_soeid,
       (SELECT level FROM dataset_permissions
        WHERE dataset_id = datasets.id AND user_id = :user_id) AS level
FROM datasets JOIN users ON users.id = datasets.created_by
{where}
{order}
LIMIT :limit OFFSET :offset;

-- count_datasets: How many datasets pass the filters.
SELECT count(*) FROM datasets {where};

-- visible_namesake: Another dataset of the same maker with this name, if the viewer may see it.
SELECT id FROM datasets
WHERE created_by = coalesce(:maker_id, (SELECT created_by FROM datasets WHERE id = :id))
  AND name = :name COLLATE NOCASE AND removed_at IS NULL AND id IS NOT :id
  AND (:sees_all OR id IN (SELECT dataset_id FROM dataset_permissions WHERE user_id = :viewer_id))
LIMIT 1;

-- update_dataset: Change a dataset's texts; NULL leaves a field as it is.
UPDATE datasets
SET name = coalesce(:name, name), description = coalesce(:description, description),
    tags = coalesce(:tags, tags), updated_at = :now
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- note_dataset_change: A ref of a dataset was made, moved or forgotten.
UPDATE datasets SET updated_at = :now WHERE id = :id;

-- remove_dataset: Take a dataset out of sight.
UPDATE datasets SET removed_at = :now WHERE id = :id AND removed_at IS NULL RETURNING id;

-- list_permissions: Who may do what in a dataset.
SELECT users.id AS user_id, users.soeid AS user_soeid, level
FROM dataset_permissions JOIN users ON users.id = user_id
WHERE dataset_id = :dataset_id AND users.removed_at IS NULL
ORDER BY users.soeid COLLATE NOCASE;

-- put_permission: Give a user a level in a dataset.
INSERT INTO dataset_permissions (dataset_id, user_id, level)
VALUES (:dataset_id, :user_id, :level)
ON CONFLICT (dataset_id, user_id) DO UPDATE SET level = :level;

-- delete_permission: Take a user's level in a dataset away.
DELETE FROM dataset_permissions WHERE dataset_id = :dataset_id AND user_id = :user_id
RETURNING level;

-- count_dataset_admins: How many present users have a dataset's admin level.
SELECT count(*) FROM dataset_permissions JOIN users ON users.id = user_id
WHERE dataset_id = :dataset_id AND level = 'admin' AND users.removed_at IS NULL;

-- insert_commit: Keep a commit.
INSERT INTO commits (dataset_id, id, parent_id, author_id, message, created_at, manifest)
VALUES (:dataset_id, :id, :parent_id, :author_id, :message, :created_at, :manifest);

-- insert_commit_file: Note that a commit names a data file.
INSERT INTO commit_files (sha256, dataset_id, commit_id)
VALUES (:sha256, :dataset_id, :commit_id);

-- commit_by_id: One commit of a dataset.
SELECT commits.*, users.soeid AS author FROM commits JOIN users ON users.id = author_id
WHERE dataset_id = :dataset_id AND commits.id = :id;

-- commits_by_prefix: Commits of a dataset whose id starts so; two are enough to know it's ambiguous.
SELECT id FROM commits WHERE dataset_id = :dataset_id AND id >= :prefix AND id < :prefix || 'g'
LIMIT 2;

-- commit_history: A commit and those before it, newest first.
WITH RECURSIVE line (id, depth) AS (
    SELECT :commit_id, 0
    UNION ALL
    SELECT commits.parent_id, depth + 1 FROM line
    JOIN commits ON commits.dataset_id = :dataset_id AND commits.id = line.id
    WHERE commits.parent_id IS NOT NULL
)
SELECT commits.*, users.soeid AS author
FROM line JOIN commits ON commits.dataset_id = :dataset_id AND commits.id = line.id
JOIN users ON users.id = author_id
ORDER BY depth
LIMIT :limit OFFSET :offset;

-- count_commit_history: How many commits a history has.
WITH RECURSIVE line (id) AS (
    SELECT :commit_id
    UNION ALL
    SELECT commits.parent_id FROM line
    JOIN commits ON commits.dataset_id = :dataset_id AND commits.id = line.id
    WHERE commits.parent_id IS NOT NULL
)
SELECT count(*) FROM line;

-- every_commit: All commits with their manifests, for a check.
SELECT dataset_id, id, manifest FROM commits ORDER BY dataset_id, id;

-- named_files: Every data file that a commit names.
SELECT DISTINCT sha256 FROM commit_files;

-- files_of_datasets: Every data file that a dataset's commits name, once for each dataset.
SELECT DISTINCT dataset_id, sha256 FROM commit_files;

-- commits_of_datasets: Every dataset, removed ones too, and how many commits it has.
SELECT id, name, removed_at,
       (SELECT count(*) FROM commits WHERE commits.dataset_id = datasets.id) AS commits
FROM datasets;

-- files_named_beside: The data files that some commit other than these names.
SELECT DISTINCT sha256 FROM commit_files
JOIN commits ON commits.dataset_id = commit_files.dataset_id AND commits.id = commit_id
WHERE commits.rowid NOT IN (SELECT value FROM json_each(:commits));

-- named_among: Of some data files, those that a commit names.
SELECT DISTINCT sha256 FROM commit_files WHERE sha256 IN (SELECT value FROM json_each(:hashes));

-- unreachable_commits: Commits that no ref has reached for long, no job waits for, and that are no
-- result of a kept job which never had a ref; latest first.
WITH RECURSIVE kept (place) AS (
    SELECT commits.rowid FROM refs
    JOIN commits ON commits.dataset_id = refs.dataset_id AND commits.id = refs.commit_id
    WHERE refs.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
    UNION
    SELECT commits.rowid FROM left_commits
    JOIN commits ON commits.dataset_id = left_commits.dataset_id AND commits.id = commit_id
    WHERE left_at >= :unreachable_before
      AND commits.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
    UNION
    SELECT rowid FROM commits
    WHERE created_at >= :unreachable_before
      AND dataset_id NOT IN (SELECT value FROM json_each(:datasets))
    UNION
    SELECT commits.rowid FROM jobs INDEXED BY jobs_waiting
    JOIN commits ON commits.dataset_id = jobs.dataset_id
         AND commits.id IN (source_commit_id, run_parameters ->> '$.compare_to.commit_id')
    WHERE jobs.status = 'pending'
    UNION
    SELECT commits.rowid FROM jobs INDEXED BY jobs_running
    JOIN commits ON commits.dataset_id = jobs.dataset_id
         AND commits.id IN (source_commit_id, run_parameters ->> '$.compare_to.commit_id')
    WHERE jobs.status = 'running'
    UNION
    SELECT commits.rowid FROM jobs
    JOIN commits ON commits.dataset_id = jobs.dataset_id AND commits.id = output_commit_id
    WHERE (:jobs_before IS NULL OR jobs.completed_at >= :jobs_before)
      AND jobs.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
      AND NOT EXISTS (SELECT 1 FROM left_commits
                      WHERE left_commits.dataset_id = commits.dataset_id
                        AND left_commits.commit_id = commits.id)
    UNION
    SELECT parents.rowid FROM kept JOIN commits ON commits.rowid = kept.place
    JOIN commits AS parents
         ON parents.dataset_id = commits.dataset_id AND parents.id = commits.parent_id
)
SELECT commits.rowid AS place, commits.id, commits.message AS name,
       datasets.name AS dataset_name, commits.created_at AS at
FROM commits JOIN datasets ON datasets.id = commits.dataset_id
WHERE commits.rowid NOT IN (SELECT place FROM kept)
ORDER BY commits.rowid DESC;

-- removable_commit: A commit, if it may go as things are now and nothing comes after it.
SELECT commits.dataset_id, commits.id, commits.message AS name,
       datasets.name AS dataset_name, commits.created_at AS at
FROM commits JOIN datasets ON datasets.id = commits.dataset_id
WHERE commits.rowid = :place
  AND NOT EXISTS (SELECT 1 FROM commits AS later WHERE later.dataset_id = commits.dataset_id
                                                   AND later.parent_id = commits.id)
  AND NOT EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = commits.dataset_id
                                       AND refs.commit_id = commits.id)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.dataset_id = commits.dataset_id
                                       AND jobs.source_commit_id = commits.id
                                       AND jobs.status IN ('pending', 'running'))
  AND NOT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_waiting
                  WHERE jobs.status = 'pending' AND jobs.dataset_id = commits.dataset_id
                    AND jobs.run_parameters ->> '$.compare_to.commit_id' = commits.id)
  AND NOT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_running
                  WHERE jobs.status = 'running' AND jobs.dataset_id = commits.dataset_id
                    AND jobs.run_parameters ->> '$.compare_to.commit_id' = commits.id)
  AND (commits.dataset_id IN (SELECT value FROM json_each(:datasets))
       OR (commits.created_at < :unreachable_before
           AND NOT EXISTS (SELECT 1 FROM left_commits
                           WHERE left_commits.dataset_id = commits.dataset_id
                             AND left_commits.commit_id = commits.id
                             AND left_at >= :unreachable_before)));

-- note_pruned_commit: Write into the logs of the jobs that stay that their commit goes.
INSERT INTO job_log (job_id, at, message)
SELECT jobs.id, :now, 'pruned, since no ref reached it: commit ' || :commit_id FROM jobs
WHERE jobs.seq IN (
        SELECT seq FROM jobs WHERE dataset_id = :dataset_id AND source_commit_id = :commit_id
        UNION
        SELECT seq FROM jobs WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id)
  AND NOT coalesce(jobs.completed_at < :jobs_before, FALSE)
  AND jobs.dataset_id NOT IN (SELECT value FROM json_each(:datasets));

-- forget_source: Take a commit that goes from the jobs that drew from it.
UPDATE jobs SET source_commit_id = NULL
WHERE dataset_id = :dataset_id AND source_commit_id = :commit_id;

-- forget_output: Take a commit that goes from the job that made it.
UPDATE jobs SET output_commit_id = NULL
WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id;

-- forget_left_commit: A commit goes, and when a ref left it.
DELETE FROM left_commits WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_commit_files: A commit goes, and what it names.
DELETE FROM commit_files WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_commit: A commit goes.
DELETE FROM commits WHERE dataset_id = :dataset_id AND id = :commit_id;

-- insert_ref: A new ref.
INSERT INTO refs (dataset_id, name, commit_id, created_at, updated_at)
VALUES (:dataset_id, :name, :commit_id, :now, :now);

-- ref_by_name: One ref of a dataset.
SELECT * FROM refs WHERE dataset_id = :dataset_id AND name = :name;

-- list_refs: A dataset's refs by name, main first.
SELECT * FROM refs WHERE dataset_id = :dataset_id ORDER BY name <> 'main', name
LIMIT :limit OFFSET :offset;

-- list_ref_names: All of a dataset's ref names.
SELECT name FROM refs WHERE dataset_id = :dataset_id;

-- count_refs: How many refs a dataset has.
SELECT count(*) FROM refs WHERE dataset_id = :dataset_id;

-- move_ref: Compare-and-swap; no row back means that the ref had moved.
UPDATE refs SET commit_id = :commit_id, updated_at = :now
WHERE dataset_id = :dataset_id AND name = :name AND commit_id IS :expected
RETURNING name;

-- note_left_commit: A ref leaves a commit, for another or for none; to go forward isn't to leave.
INSERT INTO left_commits (dataset_id, commit_id, left_at)
SELECT dataset_id, commit_id, :now FROM refs
WHERE dataset_id = :dataset_id AND name = :name AND commit_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM commits AS next WHERE next.dataset_id = refs.dataset_id
                  AND next.id = :next_id AND next.parent_id = refs.commit_id)
ON CONFLICT (dataset_id, commit_id) DO UPDATE SET left_at = excluded.left_at;

-- delete_ref: Forget a ref; its commits stay for a while.
DELETE FROM refs WHERE dataset_id = :dataset_id AND name = :name RETURNING name;

-- delete_refs: The refs of a dataset that goes.
DELETE FROM refs WHERE dataset_id = :dataset_id;

-- datasets_to_go: Datasets that were removed long ago, and whose jobs have all ended.
SELECT id AS place, id, name, name AS dataset_name, removed_at AS at FROM datasets
WHERE removed_at < :unreachable_before
  AND id NOT IN (SELECT dataset_id FROM jobs WHERE status = 'pending'
                 UNION SELECT dataset_id FROM jobs WHERE status = 'running')
ORDER BY id DESC;

-- delete_permissions: Who may do what in a dataset that goes.
DELETE FROM dataset_permissions WHERE dataset_id = :dataset_id;

-- delete_dataset: A removed dataset goes once nothing of it is left.
DELETE FROM datasets
WHERE id = :dataset_id AND removed_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.dataset_id = datasets.id)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.dataset_id = datasets.id)
RETURNING id, name, name AS dataset_name, removed_at AS at;

-- jobs_to_go: Jobs that ended long ago, or whose dataset goes, and whose commit goes or has gone.
SELECT jobs.seq AS place, jobs.id,
       jobs.run_type || ', ' || jobs.status
           || coalesce(', ' || coalesce(jobs.run_parameters ->> '$.output_ref',
                                        jobs.run_parameters ->> '$.file_name'), '') AS name,
       datasets.name AS dataset_name, jobs.completed_at AS at
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id
WHERE jobs.completed_at IS NOT NULL
  AND (jobs.completed_at < :jobs_before
       OR jobs.dataset_id IN (SELECT value FROM json_each(:datasets)))
  AND (jobs.output_commit_id IS NULL
       OR (SELECT commits.rowid FROM commits WHERE commits.dataset_id = jobs.dataset_id
                                               AND commits.id = jobs.output_commit_id)
          IN (SELECT value FROM json_each(:commits)))
ORDER BY jobs.seq DESC;

-- removable_jobs: Of some jobs that may go, those whose commit has gone.
SELECT jobs.seq AS place, jobs.id,
       jobs.run_type || ', ' || jobs.status
           || coalesce(', ' || coalesce(jobs.run_parameters ->> '$.output_ref',
                                        jobs.run_parameters ->> '$.file_name'), '') AS name,
       datasets.name AS dataset_name, jobs.completed_at AS at
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id
WHERE jobs.seq IN (SELECT value FROM json_each(:jobs))
  AND jobs.completed_at IS NOT NULL AND jobs.output_commit_id IS NULL
ORDER BY jobs.seq DESC;

-- note_pruned_jobs: Write into the logs of the jobs that stay that the job which they repeat goes.
INSERT INTO job_log (job_id, at, message)
SELECT jobs.id, :now, 'pruned: the job that this one repeats, ' || retried.id
FROM jobs JOIN jobs AS retried ON retried.id = jobs.retry_of
WHERE retried.seq IN (SELECT value FROM json_each(:jobs))
  AND jobs.seq NOT IN (SELECT value FROM json_each(:jobs));

-- forget_retried: Take jobs that go from those that repeat them.
UPDATE jobs SET retry_of = NULL
WHERE retry_of IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)));

-- log_of_jobs: How many entries some jobs' logs have, the oldest and the newest.
SELECT count(*) AS count, min(at) AS oldest, max(at) AS newest FROM job_log
WHERE job_id IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)));

-- delete_log_of_jobs: The logs of jobs that go.
DELETE FROM job_log
WHERE job_id IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)));

-- delete_comparisons_of_jobs: The comparisons of jobs that go.
DELETE FROM comparisons
WHERE job_id IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)));

-- delete_keys_of_jobs: The idempotency keys of jobs that go.
DELETE FROM idempotency_keys
WHERE job_id IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)));

-- delete_jobs: Jobs go.
DELETE FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs));

-- old_log: Old entries in the logs of ended jobs, without those of jobs that go as a whole.
SELECT count(*) AS count, min(at) AS oldest, max(at) AS newest
FROM job_log JOIN jobs ON jobs.id = job_log.job_id
WHERE at < :logs_before AND jobs.completed_at IS NOT NULL
  AND jobs.seq NOT IN (SELECT value FROM json_each(:jobs));

-- old_log_entries: Some of them, by their ids.
SELECT job_log.id, at FROM job_log JOIN jobs ON jobs.id = job_log.job_id
WHERE job_log.id > :after AND at < :logs_before AND jobs.completed_at IS NOT NULL
ORDER BY job_log.id LIMIT :most;

-- delete_log_entries: Entries of logs go.
DELETE FROM job_log WHERE id IN (SELECT value FROM json_each(:entries));

-- upload_of_job: What tells whether a job's uploaded file may go.
SELECT jobs.seq AS place, jobs.completed_at, jobs.run_parameters ->> '$.file_name' AS name,
       datasets.name AS dataset_name
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id WHERE jobs.id = :id;

-- insert_job: A job starts its life waiting.
INSERT INTO jobs (id, run_type, dataset_id, user_id, source_commit_id, run_parameters, created_at,
                  retry_of, lane, priority, request_id)
VALUES (:id, :run_type, :dataset_id, :user_id, :source_commit_id, :run_parameters, :created_at,
        :retry_of, :lane, :priority, :request_id);

-- claim_job: pending -> running, for a lane: interactive before batch, then the user whose turn it
-- is, then the user's longest waiting; no row back means that nothing can start. A delay that ends
-- later than any delay could was made by a clock that has been set back since: it is over.
WITH RECURSIVE waiting (user_id) AS (
    SELECT min(user_id) FROM jobs WHERE status = 'pending' AND lane = :lane
    UNION ALL
    SELECT (SELECT min(user_id) FROM jobs
            WHERE status = 'pending' AND lane = :lane AND user_id > waiting.user_id)
    FROM waiting WHERE waiting.user_id IS NOT NULL
),
heads (seq) AS (
    SELECT (SELECT seq FROM jobs
            WHERE status = 'pending' AND lane = :lane AND user_id = waiting.user_id
              AND (not_before IS NULL OR not_before <= :now OR not_before > :latest)
            ORDER BY priority, seq LIMIT 1)
    FROM waiting WHERE waiting.user_id IS NOT NULL
)
UPDATE jobs SET status = 'running', attempt = attempt + 1, not_before = NULL,
                started_at = max(:now, created_at),  -- whatever the clock was set back to
                progress = 0, progress_message = 'started'
WHERE seq = (SELECT heads.seq FROM heads JOIN jobs AS head ON head.seq = heads.seq
             LEFT JOIN queue_turns ON queue_turns.lane = :lane
                                  AND queue_turns.priority = head.priority
                                  AND queue_turns.user_id = head.user_id
             ORDER BY head.priority, coalesce(turn, 0), heads.seq LIMIT 1)
  AND status = 'pending'
RETURNING id, user_id, priority;

-- has_waiting: Whether a job waits in a lane, be it for a delay to end.
SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND lane = :lane);

-- others_wait: Whether a job of anybody else waits in a lane and could start, as in claim_job.
SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND lane = :lane AND user_id <> :user_id
               AND (not_before IS NULL OR not_before <= :now OR not_before > :latest));

-- take_turn: A user was served: they go last in the lane, at this priority.
INSERT INTO queue_turns (lane, priority, user_id, turn)
VALUES (:lane, :priority, :user_id,
        (SELECT coalesce(max(turn), 0) + 1 FROM queue_turns
         WHERE lane = :lane AND priority = :priority))
ON CONFLICT (lane, priority, user_id) DO UPDATE SET turn = excluded.turn;

-- queue_position: A waiting job's place among those of its lane, in the order of claim_job.
SELECT place FROM (
    SELECT seq, row_number() OVER (ORDER BY priority, round, turn, head, seq) AS place
    FROM (SELECT seq, jobs.priority, coalesce(turn, 0) AS turn,
                 row_number() OVER of_user AS round, first_value(seq) OVER of_user AS head
          FROM jobs LEFT JOIN queue_turns ON queue_turns.lane = jobs.lane
                                         AND queue_turns.priority = jobs.priority
                                         AND queue_turns.user_id = jobs.user_id
          WHERE status = 'pending' AND jobs.lane = :lane
          WINDOW of_user AS (PARTITION BY jobs.user_id, jobs.priority ORDER BY seq))
)
WHERE seq = (SELECT seq FROM jobs WHERE id = :id);

-- postpone_job: running -> pending, after a fault that may pass; by the attempt that met it.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0,
                progress_message = :progress_message, not_before = :not_before
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- next_due: When the next postponed job may start.
SELECT min(not_before) AS due FROM jobs WHERE not_before IS NOT NULL;

-- report_progress: How far a running job is; a late worker's report changes nothing.
UPDATE jobs SET progress = max(progress, :progress), progress_message = :progress_message
WHERE id = :id AND status = 'running' AND attempt = :attempt;

-- complete_job: running -> completed, by the attempt that ran it; no row back means it isn't its own.
UPDATE jobs SET status = 'completed', completed_at = max(:now, started_at),
                output_summary = :output_summary, output_commit_id = :output_commit_id,
                progress = 100, progress_message = 'completed'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- fail_job: running -> failed, by the attempt that ran it; no row back means it isn't its own.
UPDATE jobs SET status = 'failed', completed_at = max(:now, started_at),
                error_code = :error_code, error_message = :error_message
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- give_up_jobs: running -> failed, for those that a crash interrupted too often.
UPDATE jobs SET status = 'failed', completed_at = max(:now, started_at),
                error_code = 'interrupted',
                error_message = 'The service died while the job ran, ' || (crashes + 1)
                                || ' times; it is not tried again.'
WHERE status = 'running' AND crashes + 1 >= :most_crashes
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- requeue_jobs: running -> pending, for those that a crash interrupted.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0,
                progress_message = 'waits again: the service stopped while it ran',
                crashes = crashes + 1
WHERE status = 'running'
RETURNING id;

-- job_by_id: One job with its names, and how its sample compares.
SELECT {columns}
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id JOIN users ON users.id = jobs.user_id
LEFT JOIN comparisons ON comparisons.job_id = jobs.id
WHERE jobs.id = :id AND datasets.removed_at IS NULL;

-- job_with_output: The job that made a commit.
SELECT id FROM jobs WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id;

-- jobs_beginning: The ids that begin so, a few of them; ids are of the letters 0 to f.
SELECT id FROM jobs WHERE id >= :beginning AND id < :beginning || 'g' LIMIT :most;

-- job_that_repeats: The last job that did a failed one again.
SELECT id FROM jobs WHERE retry_of = :id ORDER BY seq DESC LIMIT 1;

-- jobs_by_seq: Jobs with their names, in the order of a JSON array of seqs.
SELECT {columns}
FROM json_each(:seqs) AS place CROSS JOIN jobs ON jobs.seq = place.value
JOIN datasets ON datasets.id = jobs.dataset_id JOIN users ON users.id = jobs.user_id
ORDER BY place.key;

-- open_job_seqs: The jobs that wait or run and pass the filters.
SELECT seq FROM jobs INDEXED BY jobs_waiting WHERE status = 'pending' AND {chosen}
UNION ALL
SELECT seq FROM jobs INDEXED BY jobs_running WHERE status = 'running' AND {chosen}
ORDER BY seq;

-- count_histories: How many jobs the chosen histories hold.
SELECT coalesce(sum(jobs), 0) FROM histories AS history WHERE {chosen};

-- count_in_histories: How many of them have a seq above :low, up to :high: those up to the one less
-- those up to the other. Each is counted by blocks of level 3, 2 and 1, and then job by job.
WITH parts AS (
    SELECT history.*, 1 AS sign, :high AS up_to
    FROM histories AS history WHERE {chosen} AND newest_seq > :low
    UNION ALL
    SELECT history.*, -1, :low
    FROM histories AS history WHERE {chosen} AND newest_seq > :low AND :low > 0
),
parts_3 AS (
    SELECT history.*, coalesce((
        SELECT max(end_seq) FROM history_blocks AS block
        WHERE {block_of_history} AND level = 3 AND end_seq <= up_to), 0) AS end_3
    FROM parts AS history
),
parts_2 AS (
    SELECT history.*, coalesce((
        SELECT max(end_seq) FROM history_blocks AS block
        WHERE {block_of_history} AND level = 2 AND end_seq > end_3 AND end_seq <= up_to), end_3)
        AS end_2
    FROM parts_3 AS history
),
parts_1 AS MATERIALIZED (
    SELECT history.*, coalesce((
        SELECT max(end_seq) FROM history_blocks AS block
        WHERE {block_of_history} AND level = 1 AND end_seq > end_2 AND end_seq <= up_to), end_2)
        AS end_1
    FROM parts_2 AS history
)
SELECT coalesce(sum(sign * (
    (SELECT coalesce(sum(block.jobs), 0) FROM history_blocks AS block
     WHERE {block_of_history} AND level = 3 AND end_seq <= end_3)
    + (SELECT coalesce(sum(block.jobs), 0) FROM history_blocks AS block
       WHERE {block_of_history} AND level = 2 AND end_seq > end_3 AND end_seq <= end_2)
    + (SELECT coalesce(sum(block.jobs), 0) FROM history_blocks AS block
       WHERE {block_of_history} AND level = 1 AND end_seq > end_2 AND end_seq <= end_1)
    + (SELECT count(*) FROM jobs {index}
       WHERE {job_of_history} AND seq > end_1 AND seq <= up_to)
)), 0) FROM parts_1 AS history;

-- seqs_in_histories: Which of them do, in no order.
SELECT jobs.seq
FROM histories AS history CROSS JOIN jobs {index}
     ON {job_of_history} AND jobs.seq > :low AND jobs.seq <= :high
WHERE {chosen} AND newest_seq > :low
LIMIT :most;

-- newest_seq: The seq of the newest job.
SELECT coalesce(max(seq), 0) FROM jobs;

-- clock_steps: Where the clock was set back.
SELECT seq FROM clock_steps ORDER BY seq;

-- last_seq_made_before: How far the jobs above :low, up to :high, were made before a moment (or at
-- it, where :at_it is 1), if they are in order of time; in ever shorter leaps. Some have been removed.
WITH RECURSIVE leaps (reached, length) AS (
    SELECT :low, 1 << 40
    UNION ALL
    SELECT reached + length * (reached + length <= :high AND coalesce((
               SELECT created_at < :moment OR (:at_it AND created_at = :moment) FROM jobs
               WHERE seq > :low AND seq <= reached + length ORDER BY seq DESC LIMIT 1), TRUE)),
           length / 2
    FROM leaps WHERE length > 0
)
SELECT max(reached) FROM leaps;

-- count_open_jobs: How many jobs of a dataset wait or run.
SELECT (SELECT count(*) FROM jobs INDEXED BY jobs_waiting
        WHERE status = 'pending' AND dataset_id = :dataset_id)
     + (SELECT count(*) FROM jobs INDEXED BY jobs_running
        WHERE status = 'running' AND dataset_id = :dataset_id);

-- needed_uploads: Of some uploads, those of jobs to come, and of failed ones worth another try.
SELECT id FROM jobs
WHERE id IN (SELECT value FROM json_each(:uploads))
  AND (status IN ('pending', 'running')
       OR status = 'failed' AND completed_at > :ended_after
          AND error_code IN (SELECT value FROM json_each(:codes))
          AND NOT EXISTS (SELECT 1 FROM jobs AS again WHERE again.retry_of = jobs.id));

-- put_back_job: running -> pending, when the service stops in good order: the attempt doesn't count.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0, attempt = attempt - 1,
                progress_message = 'waits again: the service stopped while it ran'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- make_job_long: running -> pending in the long lane.
UPDATE jobs SET status = 'pending', lane = 'long', started_at = NULL, progress = 0,
                progress_message = 'waits with the long jobs: others wait for the short ones'' threads'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- job_with_output_ref: The newest job that made, or is to make, a ref; one that failed leaves it free.
SELECT id FROM jobs
WHERE dataset_id = :dataset_id AND run_type IN ('sampling', 'exploration')
  AND status <> 'failed'
  AND run_parameters ->> '$.output_ref' = :name
ORDER BY seq DESC LIMIT 1;

-- cancel_job: pending or running -> failed; no row back means that it has ended already.
UPDATE jobs SET status = 'failed', completed_at = max(:now, coalesce(started_at, created_at)),
                not_before = NULL, error_code = 'cancelled', error_message = :error_message
WHERE id = :id AND status IN ('pending', 'running')
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- idempotency_key: What a user's key stood for.
SELECT * FROM idempotency_keys WHERE user_id = :user_id AND key = :key AND created_at > :since;

-- put_idempotency_key: Keep a key with its job, in place of one that has ended.
INSERT INTO idempotency_keys (user_id, key, request_hash, job_id, created_at)
VALUES (:user_id, :key, :request_hash, :job_id, :created_at)
ON CONFLICT (user_id, key) DO UPDATE
SET request_hash = :request_hash, job_id = :job_id, created_at = :created_at;

-- count_ended_keys: How many idempotency keys have ended, since when.
SELECT count(*) AS count, min(created_at) AS oldest, max(created_at) AS newest
FROM idempotency_keys WHERE created_at <= :since;

-- forget_idempotency_keys: Drop keys that have ended.
DELETE FROM idempotency_keys WHERE created_at <= :since;

-- list_job_log: A page of what a job did, oldest first.
SELECT at, message FROM job_log WHERE job_id = :job_id ORDER BY id LIMIT :limit OFFSET :offset;

-- count_job_log: How many entries a job's log has.
SELECT count(*) FROM job_log WHERE job_id = :job_id;

-- count_waiting_jobs_of: How many of a user's jobs wait; in every lane, so that the index is searched.
SELECT count(*) FROM jobs
WHERE lane IN ('short', 'long') AND user_id = :user_id AND status = 'pending';

-- insert_audit_entry: Tell the audit trail what was done, with the user's SOEID as it is now.
INSERT INTO audit_log (at, action, user_id, user_soeid, dataset_id, object_type, object_id,
                       client_address, request_id, token_id, token_kind, token_name, details)
VALUES (:at, :action, :user_id,
        coalesce(:user_soeid, (SELECT soeid FROM users WHERE id = :user_id), ''),
        :dataset_id, :object_type, :object_id,
        :client_address, :request_id, :token_id, :token_kind, :token_name, :details);

-- list_audit_entries: The entries that pass the filters, newest first.
SELECT * FROM audit_log {where} ORDER BY id DESC LIMIT :limit OFFSET :offset;

-- count_audit_entries: How many entries pass the filters.
SELECT count(*) FROM audit_log {where};

-- open_jobs_by_type: How many jobs wait and run; in two parts, each of which has an index of its own.
SELECT run_type, lane, status, count(*) AS jobs, min(created_at) AS oldest
FROM jobs WHERE status = 'pending' GROUP BY run_type, lane
UNION ALL
SELECT run_type, lane, status, count(*) AS jobs, min(created_at) AS oldest
FROM jobs WHERE status = 'running' GROUP BY run_type, lane;

-- put_draw_template: Keep a draw under a name, in place of an earlier one of that name.
INSERT INTO draw_templates (user_id, name, body, created_at)
VALUES (:user_id, :name, :body, :created_at)
ON CONFLICT (user_id, name COLLATE NOCASE) DO UPDATE
SET name = :name, body = :body, created_at = :created_at
RETURNING *;

-- list_draw_templates: A user's kept draws by name.
SELECT * FROM draw_templates WHERE user_id = :user_id ORDER BY name COLLATE NOCASE
LIMIT :limit OFFSET :offset;

-- count_draw_templates: How many draws a user keeps.
SELECT count(*) FROM draw_templates WHERE user_id = :user_id;

-- delete_draw_template: Forget one of a user's kept draws.
DELETE FROM draw_templates WHERE id = :id AND user_id = :user_id RETURNING id;

-- keep_comparison: A job's comparison, in place of an earlier one; a job that has gone needs none.
INSERT INTO comparisons (job_id, made_at, brief, whole)
SELECT :job_id, :made_at, :brief, :whole WHERE EXISTS (SELECT 1 FROM jobs WHERE id = :job_id)
ON CONFLICT (job_id) DO UPDATE SET made_at = :made_at, brief = :brief, whole = :whole;

-- comparison_of_job: A job's comparison in full.
SELECT made_at, whole FROM comparisons WHERE job_id = :job_id;
