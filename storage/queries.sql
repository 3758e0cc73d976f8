-- All SQLite statements. Callers replace the names in braces by SQL fragments; values are bound.

-- insert_user: Insert a user; without a password hash they can't sign in.
INSERT INTO users (soeid, role_name, password_hash, created_at)
VALUES (:soeid, :role_name, :password_hash, :created_at)
RETURNING *;

-- user_by_id: Select a user, removed or not.
SELECT * FROM users WHERE id = :id;

-- user_by_soeid: Select the active user with this SOEID.
SELECT * FROM users WHERE soeid = :soeid COLLATE NOCASE AND removed_at IS NULL;

-- list_users: List active users by SOEID; q is a substring in any case, or NULL.
SELECT id, soeid, role_name, created_at, password_hash IS NOT NULL AS has_password,
       EXISTS (SELECT 1 FROM identities WHERE user_id = users.id) AS by_provider,
       (SELECT expires_at FROM sign_in_links
        WHERE user_id = users.id AND expires_at > :now) AS link_expires_at,
       (SELECT json_group_array(name) FROM
            (SELECT name FROM group_members JOIN groups ON groups.id = group_id
             WHERE user_id = users.id ORDER BY name COLLATE NOCASE)) AS groups
FROM users
WHERE removed_at IS NULL AND (:q IS NULL OR instr(lower(soeid), lower(:q)))
ORDER BY soeid COLLATE NOCASE, id;

-- count_admins: Count the active admins.
SELECT count(*) FROM users WHERE removed_at IS NULL AND role_name = 'admin';

-- count_users_with_password: Count the users that can sign in with a password.
SELECT count(*) FROM users WHERE removed_at IS NULL AND password_hash IS NOT NULL;

-- count_admins_with_password: Count the administrators that can sign in with a password.
SELECT count(*) FROM users
WHERE removed_at IS NULL AND role_name = 'admin' AND password_hash IS NOT NULL;

-- first_admin: Select the oldest active admin.
SELECT * FROM users WHERE removed_at IS NULL AND role_name = 'admin' ORDER BY id LIMIT 1;

-- update_user: Update an active user's role or password; NULL leaves a field unchanged.
UPDATE users
SET role_name = coalesce(:role_name, role_name),
    password_hash = coalesce(:password_hash, password_hash)
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- remove_user: Mark a user as removed; their jobs and commits stay.
UPDATE users SET removed_at = :removed_at, password_hash = NULL
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- put_sign_in_link: Insert a one-time link; it replaces the user's earlier link.
INSERT INTO sign_in_links (user_id, code_hash, expires_at)
VALUES (:user_id, :code_hash, :expires_at)
ON CONFLICT (user_id) DO UPDATE SET code_hash = :code_hash, expires_at = :expires_at;

-- sign_in_link_user: Select the user of an unexpired link.
SELECT users.* FROM sign_in_links JOIN users ON users.id = sign_in_links.user_id
WHERE code_hash = :code_hash AND expires_at > :now AND removed_at IS NULL;

-- use_sign_in_link: Delete a link; no row means that it was used or has expired.
DELETE FROM sign_in_links WHERE code_hash = :code_hash AND expires_at > :now
RETURNING user_id;

-- insert_invitation: Insert an invitation.
INSERT INTO invitations (address, role_name, user_id, code_hash, created_at, expires_at)
VALUES (:address, :role_name, :user_id, :code_hash, :now, :expires_at) RETURNING id;

-- put_invitation_group: Add a group that an invited person joins.
INSERT INTO invitation_groups (invitation_id, group_id) VALUES (:id, :group_id)
ON CONFLICT DO NOTHING;

-- list_invitations: List the open invitations, or one by id, address or unexpired link; newest first.
SELECT invitations.id, address, invitations.role_name, users.soeid AS user_soeid,
       invitations.created_at, expires_at, expires_at <= :now AS has_expired, sent_at, problem,
       (SELECT json_group_array(name) FROM
           (SELECT name FROM invitation_groups JOIN groups ON groups.id = group_id
            WHERE invitation_id = invitations.id ORDER BY name COLLATE NOCASE)) AS groups
FROM invitations JOIN users ON users.id = user_id
WHERE (:id IS NULL OR invitations.id = :id)
  AND (:address IS NULL OR address = :address COLLATE NOCASE)
  AND (:code_hash IS NULL OR (code_hash = :code_hash AND expires_at > :now))
ORDER BY invitations.id DESC;

-- renew_invitation: Replace the link of an invitation.
UPDATE invitations SET code_hash = :code_hash, expires_at = :expires_at, sent_at = NULL,
                       problem = NULL
WHERE id = :id;

-- note_invitation_sent: Record the outcome of the e-mail of an invitation's current link.
UPDATE invitations SET sent_at = :sent_at, problem = :problem
WHERE id = :id AND code_hash = :code_hash;

-- invitation_group_ids: List the groups that an invited person joins.
SELECT group_id FROM invitation_groups WHERE invitation_id = :id ORDER BY group_id;

-- delete_groups_of_invitation: Delete the groups of an invitation.
DELETE FROM invitation_groups WHERE invitation_id = :id;

-- delete_invitation: Delete an invitation without groups.
DELETE FROM invitations WHERE id = :id;

-- delete_groups_of_invitations_by_user: Delete the groups of a user's invitations.
DELETE FROM invitation_groups
WHERE invitation_id IN (SELECT id FROM invitations WHERE user_id = :user_id);

-- delete_invitations_by_user: Delete a user's invitations without groups.
DELETE FROM invitations WHERE user_id = :user_id;

-- obsolete_invitations: List the invitations that expired some time ago.
SELECT id FROM invitations WHERE expires_at <= :before;

-- delete_invitations_of_group: Let no invited person join a group.
DELETE FROM invitation_groups WHERE group_id = :id;

-- insert_token: Insert a token's hash.
INSERT INTO tokens (token_hash, user_id, kind, name, scope, created_at, expires_at)
VALUES (:token_hash, :user_id, :kind, :name, :scope, :created_at, :expires_at)
RETURNING *, (SELECT soeid FROM users WHERE users.id = user_id) AS user_soeid;

-- token_holder: Select a token, also an expired one, with its user, by its hash.
SELECT tokens.id AS token_id, tokens.scope, tokens.kind, tokens.name AS token_name, expires_at,
       users.id, users.soeid, users.role_name, users.created_at
FROM tokens JOIN users ON users.id = tokens.user_id
WHERE token_hash = :token_hash AND users.removed_at IS NULL;

-- token_user: Select the user of a valid token, by its id.
SELECT users.id, users.soeid, users.role_name, users.created_at
FROM tokens JOIN users ON users.id = tokens.user_id
WHERE tokens.id = :id AND (expires_at IS NULL OR expires_at > :now) AND users.removed_at IS NULL;

-- list_named_tokens: List the named tokens of a user or of all users, newest first. q is a part of the
-- token's or the user's name in any case, or NULL.
SELECT tokens.*, users.soeid AS user_soeid FROM tokens JOIN users ON users.id = user_id
WHERE kind = 'named' AND (:user_id IS NULL OR user_id = :user_id)
  AND (:q IS NULL OR instr(lower(tokens.name), lower(:q)) OR instr(lower(users.soeid), lower(:q)))
ORDER BY tokens.id DESC;

-- note_token_use: Record when a token was last used.
UPDATE tokens SET last_used_at = :now WHERE id = :id;

-- delete_token: Delete one token.
DELETE FROM tokens WHERE id = :id RETURNING id;

-- delete_named_token: Delete a named token of a user or of any user.
DELETE FROM tokens
WHERE id = :id AND kind = 'named' AND (:user_id IS NULL OR user_id = :user_id)
RETURNING *, (SELECT soeid FROM users WHERE users.id = user_id) AS user_soeid;

-- delete_own_tokens_of_user: Delete a user's tokens, except the server's operator token.
DELETE FROM tokens WHERE user_id = :user_id AND kind <> 'operator';

-- delete_sessions_of_user: Delete a user's sessions that began in one way.
DELETE FROM tokens WHERE user_id = :user_id AND kind = 'session' AND name = :name RETURNING id;

-- delete_sign_in_links_of_user: Delete a user's sign-in links.
DELETE FROM sign_in_links WHERE user_id = :user_id;

-- delete_tokens_of_user: Delete all of a user's tokens.
DELETE FROM tokens WHERE user_id = :user_id;

-- delete_obsolete_tokens: Delete expired tokens, named ones later, and those of earlier servers.
DELETE FROM tokens WHERE expires_at <= iif(kind = 'named', :named, :now) OR kind = 'operator';

-- delete_expired_tokens: Delete the expired tokens, named ones later.
DELETE FROM tokens WHERE expires_at <= iif(kind = 'named', :named, :now)
RETURNING expires_at AS at;

-- delete_expired_links: Delete the expired sign-in links.
DELETE FROM sign_in_links WHERE expires_at <= :now RETURNING expires_at AS at;

-- user_of_identity: Select the user, removed or not, of a provider's subject.
SELECT users.* FROM identities JOIN users ON users.id = user_id
WHERE issuer = :issuer AND subject = :subject;

-- identity_of_user: Select the identity of a user.
SELECT issuer, subject FROM identities WHERE user_id = :user_id;

-- delete_identity_of_user: Make a user's account a local one.
DELETE FROM identities WHERE user_id = :user_id;

-- put_identity: Insert an identity; it moves from the user who had it.
INSERT INTO identities (user_id, issuer, subject) VALUES (:user_id, :issuer, :subject)
ON CONFLICT (issuer, subject) DO UPDATE SET user_id = :user_id;

-- delete_password_of_user: Delete a user's password.
UPDATE users SET password_hash = NULL WHERE id = :user_id;

-- insert_group: Insert a group.
INSERT INTO groups (name, created_at) VALUES (:name, :now) RETURNING id;

-- list_groups: List the groups with the number of their active members, everyone first.
SELECT groups.id, name, created_at,
       CASE groups.id WHEN 1 THEN (SELECT count(*) FROM users WHERE removed_at IS NULL)
       ELSE (SELECT count(*) FROM group_members JOIN users ON users.id = user_id
             WHERE group_id = groups.id AND removed_at IS NULL) END AS members,
       (SELECT count(*) FROM group_permissions JOIN datasets ON datasets.id = dataset_id
        WHERE group_id = groups.id AND removed_at IS NULL) AS datasets
FROM groups
WHERE (:id IS NULL OR groups.id = :id) AND (:q IS NULL OR instr(lower(name), lower(:q)))
ORDER BY groups.id <> 1, name COLLATE NOCASE;

-- group_by_name: Select the id of a group by its name, in any case.
SELECT id FROM groups WHERE name = :name COLLATE NOCASE;

-- rename_group: Rename a group.
UPDATE groups SET name = :name WHERE id = :id;

-- group_members: List the active members of a group by SOEID.
SELECT users.* FROM group_members JOIN users ON users.id = user_id
WHERE group_id = :id AND removed_at IS NULL ORDER BY soeid COLLATE NOCASE;

-- put_group_member: Add a user to a group, unless the user is a member.
INSERT INTO group_members (group_id, user_id) VALUES (:group_id, :user_id)
ON CONFLICT DO NOTHING RETURNING user_id;

-- delete_group_member: Remove a user from a group.
DELETE FROM group_members WHERE group_id = :group_id AND user_id = :user_id RETURNING user_id;

-- delete_members_of_group: Remove all users from a group.
DELETE FROM group_members WHERE group_id = :id;

-- delete_permissions_of_group: Delete a group's permissions in all datasets.
DELETE FROM group_permissions WHERE group_id = :id;

-- delete_connections_of_group: Let a group use no connection.
DELETE FROM connection_groups WHERE group_id = :id;

-- delete_group: Delete a group that has no members and permissions.
DELETE FROM groups WHERE id = :id;

-- insert_connection: Insert a connection.
INSERT INTO connections (name, prefix, credentials, created_at)
VALUES (:name, :prefix, :credentials, :now) RETURNING id;

-- connection_by_name: Select the id of a connection by its name, in any case.
SELECT id FROM connections WHERE name = :name COLLATE NOCASE;

-- list_connections: List connections with the names of their users and groups, or one by id or name.
SELECT id, name, prefix, credentials, created_at,
       (SELECT json_group_array(grantee) FROM
            (SELECT groups.name AS grantee, groups.id <> 1 AS place
             FROM connection_groups JOIN groups ON groups.id = group_id
             WHERE connection_id = connections.id
             UNION ALL
             SELECT soeid, 2 FROM connection_users JOIN users ON users.id = user_id
             WHERE connection_id = connections.id AND removed_at IS NULL
             ORDER BY place, grantee COLLATE NOCASE)) AS usable_by
FROM connections
WHERE (:id IS NULL OR id = :id) AND (:name IS NULL OR name = :name)
  AND (:user_id IS NULL
       OR id IN (SELECT connection_id FROM connection_users WHERE user_id = :user_id)
       OR id IN (SELECT connection_id FROM connection_groups WHERE group_id = 1)
       OR id IN (SELECT connection_id FROM connection_groups JOIN group_members USING (group_id)
                 WHERE user_id = :user_id))
ORDER BY name COLLATE NOCASE;

-- connection_places: List the connections for a check of attached files.
SELECT name, prefix, credentials FROM connections;

-- update_connection: Change the prefix and the credentials of a connection.
UPDATE connections SET prefix = :prefix, credentials = :credentials WHERE id = :id;

-- delete_connection: Delete a connection without users.
DELETE FROM connections WHERE id = :id;

-- put_connection_user: Let a user use a connection.
INSERT OR IGNORE INTO connection_users (connection_id, user_id) VALUES (:connection_id, :grantee_id);

-- put_connection_group: Let a group use a connection.
INSERT OR IGNORE INTO connection_groups (connection_id, group_id)
VALUES (:connection_id, :grantee_id);

-- delete_connection_users: Let no user use a connection.
DELETE FROM connection_users WHERE connection_id = :id;

-- delete_connection_groups: Let no group use a connection.
DELETE FROM connection_groups WHERE connection_id = :id;

-- insert_receiver: Insert a receiver.
INSERT INTO receivers (user_id, kind, dataset_id, address, events, secret, created_at)
VALUES (:user_id, :kind, :dataset_id, :address, :events, :secret, :now) RETURNING id;

-- list_receivers: List the receivers of a kind, of a user or of all, or one by id, oldest first.
SELECT receivers.id, user_id, soeid AS user_soeid, kind, dataset_id, address, events,
       receivers.created_at, disabled_at
FROM receivers JOIN users ON users.id = user_id
WHERE kind = :kind AND (:id IS NULL OR receivers.id = :id)
  AND (:user_id IS NULL OR user_id = :user_id)
ORDER BY receivers.id;

-- count_webhooks: Count the webhooks of a user.
SELECT count(*) FROM receivers WHERE user_id = :user_id AND kind = 'webhook';

-- update_receiver: Change the address and the events of a receiver.
UPDATE receivers SET address = :address, events = :events WHERE id = :id;

-- delete_receiver: Delete a receiver without deliveries.
DELETE FROM receivers WHERE id = :id;

-- delete_deliveries: Delete the deliveries to a receiver.
DELETE FROM deliveries WHERE receiver_id = :id;

-- delete_receivers_of_user: Delete the receivers of a user, which have no deliveries.
DELETE FROM receivers WHERE user_id = :user_id;

-- delete_deliveries_of_user: Delete the deliveries to a user's receivers.
DELETE FROM deliveries
WHERE receiver_id IN (SELECT id FROM receivers WHERE user_id = :user_id);

-- disable_receiver: Disable a receiver that no longer exists.
UPDATE receivers SET disabled_at = :now WHERE id = :id AND disabled_at IS NULL RETURNING id;

-- enable_receiver: Enable a receiver again.
UPDATE receivers SET disabled_at = NULL WHERE id = :id;

-- insert_delivery: Insert a delivery that is due at once.
INSERT INTO deliveries (message_id, receiver_id, event, payload, created_at, next_attempt_at)
VALUES (:message_id, :receiver_id, :event, :payload, :now, :now) RETURNING id;

-- list_deliveries: List the deliveries to a receiver, newest first.
SELECT * FROM deliveries WHERE receiver_id = :receiver_id ORDER BY id DESC;

-- delivery_by_id: Select a delivery to a receiver.
SELECT * FROM deliveries WHERE receiver_id = :receiver_id AND id = :id;

-- due_delivery: Select the oldest due delivery of the user with the fewest attempts that run.
-- Of several such users, and of a user's receivers, the one whose latest attempt is the oldest. The
-- host of a webhook ends at the first slash after its scheme. A delivery beyond :latest is of a
-- wrong clock.
WITH due AS MATERIALIZED (
    SELECT id, receiver_id, min(next_attempt_at) AS at FROM deliveries
    WHERE next_attempt_at IS NOT NULL
      AND (attempts = 0 OR next_attempt_at <= :now OR next_attempt_at > :latest)
    GROUP BY receiver_id)
SELECT deliveries.id, message_id, deliveries.receiver_id, kind, event, payload, attempts, address,
       secret, user_id, payload ->> '$.data.dataset_id' AS dataset_id,
       substr(address, 1, 8 + instr(substr(address, 9), '/')) AS host
FROM due JOIN receivers ON receivers.id = due.receiver_id JOIN deliveries ON deliveries.id = due.id
WHERE kind = :kind
  AND due.receiver_id NOT IN (SELECT value FROM json_each(:receivers))
  AND user_id NOT IN (SELECT value FROM json_each(:users))
  AND host NOT IN (SELECT value FROM json_each(:hosts))
ORDER BY coalesce(:running ->> CAST(user_id AS TEXT), 0),
         coalesce(:served ->> CAST(user_id AS TEXT), 0),
         coalesce(:reached ->> CAST(due.receiver_id AS TEXT), 0), at
LIMIT 1;

-- next_delivery: Select when the next attempt is due.
SELECT min(next_attempt_at) AS at,
       substr(address, 1, 8 + instr(substr(address, 9), '/')) AS host
FROM deliveries JOIN receivers ON receivers.id = receiver_id
WHERE next_attempt_at IS NOT NULL AND kind = :kind
  AND receiver_id NOT IN (SELECT value FROM json_each(:receivers))
  AND user_id NOT IN (SELECT value FROM json_each(:users))
  AND host NOT IN (SELECT value FROM json_each(:hosts));

-- end_attempt: Store the outcome of an attempt.
UPDATE deliveries
SET attempts = attempts + 1, attempted_at = :now, response_status = :response_status,
    problem = :problem, next_attempt_at = :next_attempt_at, delivered_at = :delivered_at
WHERE id = :id;

-- give_up_deliveries: Attempt no waiting delivery to a receiver again.
UPDATE deliveries SET next_attempt_at = NULL
WHERE receiver_id = :receiver_id AND next_attempt_at IS NOT NULL;

-- send_again: Start the attempts of a delivery again.
UPDATE deliveries SET attempts = 0, delivered_at = NULL, next_attempt_at = :now
WHERE id = :id AND receiver_id = :receiver_id;

-- forget_deliveries: Delete ended deliveries to a receiver, but not the newest.
DELETE FROM deliveries
WHERE receiver_id = :receiver_id AND next_attempt_at IS NULL
  AND id <= (SELECT id FROM deliveries WHERE receiver_id = :receiver_id
             ORDER BY id DESC LIMIT 1 OFFSET :kept);

-- count_waiting_deliveries: Count the deliveries of each kind that wait, with the oldest one.
SELECT kind, count(*) AS waiting, min(deliveries.created_at) AS oldest
FROM deliveries JOIN receivers ON receivers.id = receiver_id
WHERE next_attempt_at IS NOT NULL GROUP BY kind;

-- insert_engagement: Insert an engagement.
INSERT INTO engagements (client_name, period_from, period_to, number, user_id, created_at,
                         changed_at)
VALUES (:client_name, :period_from, :period_to, :number, :user_id, :created_at, :created_at)
RETURNING id;

-- engagement_by_id: Select an engagement.
SELECT engagements.*, creators.soeid AS user_soeid, sealers.soeid AS sealed_by_soeid,
       hidden_engagements.state AS hidden_as, hidden_engagements.at AS hidden_at,
       hiders.soeid AS hidden_by_soeid
FROM engagements JOIN users AS creators ON creators.id = engagements.user_id
     LEFT JOIN users AS sealers ON sealers.id = sealed_by
     LEFT JOIN hidden_engagements ON engagement_id = engagements.id
     LEFT JOIN users AS hiders ON hiders.id = hidden_engagements.user_id
WHERE engagements.id = :id;

-- list_engagements: List engagements, newest first.
SELECT engagements.*, creators.soeid AS user_soeid, sealers.soeid AS sealed_by_soeid,
       hidden_engagements.state AS hidden_as, hidden_engagements.at AS hidden_at,
       hiders.soeid AS hidden_by_soeid
FROM engagements JOIN users AS creators ON creators.id = engagements.user_id
     LEFT JOIN users AS sealers ON sealers.id = sealed_by
     LEFT JOIN hidden_engagements ON engagement_id = engagements.id
     LEFT JOIN users AS hiders ON hiders.id = hidden_engagements.user_id
{where}
ORDER BY engagements.id DESC;

-- update_engagement: Change facts of an engagement; NULL leaves one unchanged.
UPDATE engagements
SET client_name = coalesce(:client_name, client_name),
    period_from = coalesce(:period_from, period_from),
    period_to = coalesce(:period_to, period_to), number = coalesce(:number, number)
WHERE id = :id;

-- note_engagement_change: Note when facts or the team of an engagement changed.
UPDATE engagements SET changed_at = :at WHERE id = :id;

-- seal_engagement: Seal an engagement, or with NULL unseal it.
UPDATE engagements
SET seal = :seal, seal_sha256 = :seal_sha256, sealed_at = :sealed_at, sealed_by = :sealed_by
WHERE id = :id;

-- engagements_of_number: Select the ids of the listed and archived engagements of a number, in any case.
SELECT id FROM engagements
WHERE number = :number COLLATE NOCASE AND number <> '' AND id <> :id
  AND id NOT IN (SELECT engagement_id FROM hidden_engagements WHERE state = 'deleted')
ORDER BY id LIMIT :limit;

-- hide_engagement: Archive or delete an engagement, with the parts of a deleted one.
INSERT INTO hidden_engagements (engagement_id, state, parts, user_id, at)
VALUES (:engagement_id, :state, :parts, :user_id, :at);

-- parts_of_engagement: Select the members, datasets and samples of an engagement as JSON.
SELECT json_object(
    'members', (SELECT json_group_array(json_array(user_id, full_name, role, at))
                FROM engagement_members WHERE engagement_id = :engagement_id),
    'datasets', (SELECT json_group_array(json_array(dataset_id, at))
                 FROM engagement_datasets WHERE engagement_id = :engagement_id),
    'samples', (SELECT json_group_array(json_array(job_id, at))
                FROM engagement_samples WHERE engagement_id = :engagement_id)) AS parts;

-- delete_members_of_engagement: Delete all members of an engagement.
DELETE FROM engagement_members WHERE engagement_id = :engagement_id;

-- delete_datasets_of_engagement: Delete all datasets of an engagement.
DELETE FROM engagement_datasets WHERE engagement_id = :engagement_id;

-- delete_samples_of_engagement: Delete all samples of an engagement.
DELETE FROM engagement_samples WHERE engagement_id = :engagement_id;

-- restore_members: Insert the members of a deleted engagement; no user is ever deleted.
INSERT INTO engagement_members (engagement_id, user_id, full_name, role, at)
SELECT engagement_id, value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM hidden_engagements, json_each(parts, '$.members')
WHERE engagement_id = :engagement_id;

-- restore_datasets: Insert the datasets of a deleted engagement that weren't deleted for good.
INSERT INTO engagement_datasets (engagement_id, dataset_id, at)
SELECT engagement_id, value ->> 0, value ->> 1
FROM hidden_engagements, json_each(parts, '$.datasets')
WHERE engagement_id = :engagement_id AND value ->> 0 IN (SELECT id FROM datasets);

-- restore_samples: Insert the samples of a deleted engagement that are in no other one and whose
-- findings are open. SQLite doesn't reorder a CROSS JOIN.
INSERT INTO engagement_samples (job_id, engagement_id, at)
SELECT job_id, engagement_id, value ->> 1
FROM hidden_engagements CROSS JOIN json_each(parts, '$.samples')
     CROSS JOIN sample_progress ON job_id = value ->> 0
WHERE engagement_id = :engagement_id
  AND last_action IN ('', 'withdrawn', 'returned', 'reopened')
  AND job_id NOT IN (SELECT job_id FROM engagement_samples);

-- left_out_samples: Select the jobs of a deleted engagement's samples that aren't in it again.
SELECT value ->> 0 AS job_id FROM hidden_engagements, json_each(parts, '$.samples')
WHERE engagement_id = :engagement_id
  AND value ->> 0 NOT IN (SELECT job_id FROM engagement_samples
                          WHERE engagement_samples.engagement_id = :engagement_id)
ORDER BY 1;

-- unhide_engagement: List an engagement again.
DELETE FROM hidden_engagements WHERE engagement_id = :engagement_id;

-- list_engagement_members: List the members of an engagement: partners, reviewers, preparers.
SELECT engagement_members.*, users.soeid AS user_soeid
FROM engagement_members JOIN users ON users.id = user_id
WHERE engagement_id = :engagement_id
ORDER BY CASE role WHEN 'partner' THEN 0 WHEN 'reviewer' THEN 1 ELSE 2 END, full_name, user_id;

-- put_engagement_member: Insert a member of an engagement, or change the name and role of one.
INSERT INTO engagement_members (engagement_id, user_id, full_name, role, at)
VALUES (:engagement_id, :user_id, :full_name, :role, :at)
ON CONFLICT DO UPDATE SET full_name = :full_name, role = :role;

-- delete_engagement_member: Delete a member of an engagement.
DELETE FROM engagement_members
WHERE engagement_id = :engagement_id AND user_id = :user_id RETURNING user_id;

-- list_engagement_datasets: List the datasets of an engagement by name.
SELECT dataset_id, name AS dataset_name, datasets.removed_at IS NOT NULL AS is_deleted
FROM engagement_datasets JOIN datasets ON datasets.id = dataset_id
WHERE engagement_id = :engagement_id
ORDER BY name COLLATE NOCASE, dataset_id;

-- insert_engagement_dataset: Insert a dataset of an engagement; no row if it has it.
INSERT INTO engagement_datasets (engagement_id, dataset_id, at)
VALUES (:engagement_id, :dataset_id, :at) ON CONFLICT DO NOTHING RETURNING dataset_id;

-- delete_engagement_dataset: Delete a dataset of an engagement.
DELETE FROM engagement_datasets
WHERE engagement_id = :engagement_id AND dataset_id = :dataset_id RETURNING dataset_id;

-- delete_engagements_of_dataset: Delete a dataset from all engagements.
DELETE FROM engagement_datasets WHERE dataset_id = :dataset_id;

-- join_engagement: Insert a draw into the open engagement of its dataset, if there is exactly one.
INSERT INTO engagement_samples (job_id, engagement_id, at)
SELECT :job_id, min(engagement_id), :at
FROM engagement_datasets JOIN engagements ON engagements.id = engagement_id
WHERE dataset_id = :dataset_id AND seal IS NULL
  AND engagement_id NOT IN (SELECT engagement_id FROM hidden_engagements)
HAVING count(*) = 1;

-- engagement_of_sample: Select the engagement of a sample.
SELECT engagement_id FROM engagement_samples WHERE job_id = :job_id;

-- sealings_of_engagement: Select when an engagement was sealed and unsealed, the newest first.
SELECT substr(action, 12) AS step, at, user_soeid, details ->> '$.seal_sha256' AS seal_sha256,
       details ->> '$.reason' AS reason
FROM audit_log
WHERE object_id = :engagement_id AND object_type = 'engagement'
  AND action IN ('engagement_sealed', 'engagement_unsealed')
ORDER BY id DESC LIMIT :limit;

-- engagements_of_table: Select the engagements with a sample of a table of a version.
SELECT DISTINCT engagement_id FROM jobs
JOIN engagement_samples ON engagement_samples.job_id = jobs.id
WHERE jobs.dataset_id = :dataset_id AND run_parameters ->> '$.table_key' = :table_key
  AND coalesce(run_parameters ->> '$.excluded.commit_id', source_commit_id) = :commit_id;

-- insert_engagement_sample: Insert a sample of an engagement.
INSERT INTO engagement_samples (job_id, engagement_id, at) VALUES (:job_id, :engagement_id, :at);

-- delete_engagement_sample: Delete a sample from its engagement.
DELETE FROM engagement_samples WHERE job_id = :job_id AND engagement_id = :engagement_id
RETURNING job_id;

-- delete_engagement_samples_of_jobs: Delete the samples of jobs from their engagements.
DELETE FROM engagement_samples WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- list_engagement_samples: List the samples of an engagement that didn't fail, the first drawn first.
SELECT engagement_samples.job_id, jobs.dataset_id, datasets.name AS dataset_name,
       jobs.run_parameters ->> '$.output_ref' AS output_ref, status,
       status = 'completed'
           AND (datasets.removed_at IS NOT NULL
                OR NOT EXISTS (SELECT 1 FROM refs
                               WHERE refs.dataset_id = jobs.dataset_id
                                 AND refs.commit_id = output_commit_id
                                 AND substr(refs.name, 1, 5) = 'smpl-')) AS is_deleted,
       (SELECT action FROM reviews WHERE reviews.job_id = jobs.id ORDER BY id DESC LIMIT 1)
           AS review_state,
       (SELECT at FROM reviews WHERE reviews.job_id = jobs.id ORDER BY id DESC LIMIT 1)
           AS reviewed_at,
       (SELECT kept_sha256(evaluation) FROM reviews
        WHERE reviews.job_id = jobs.id AND action = 'signed_off' ORDER BY id DESC LIMIT 1)
           AS signed_sha256,
       issued_papers.number AS paper, issued_papers.paper_number, issued_papers.issued_at,
       issued_papers.sha256 AS paper_sha256, issued_papers.review_state AS paper_state,
       issued_papers.evaluation_sha256, engagements.changed_at
FROM engagement_samples JOIN engagements ON engagements.id = engagement_id
     JOIN jobs ON jobs.id = engagement_samples.job_id
     JOIN datasets ON datasets.id = jobs.dataset_id
     LEFT JOIN issued_papers ON issued_papers.job_id = jobs.id
       AND issued_papers.number = (SELECT max(number) FROM issued_papers WHERE job_id = jobs.id)
WHERE engagement_id = :engagement_id AND status <> 'failed'
ORDER BY jobs.seq;

-- assignable_samples: Select the newest samples of an engagement's datasets that are in no engagement and
-- whose findings are open, of those that a user may write.
SELECT jobs.id AS job_id, jobs.run_parameters ->> '$.output_ref' AS output_ref,
       datasets.name AS dataset_name
FROM engagement_datasets CROSS JOIN datasets ON datasets.id = engagement_datasets.dataset_id
     CROSS JOIN jobs ON jobs.dataset_id = datasets.id
     CROSS JOIN sample_progress ON job_seq = jobs.seq
WHERE engagement_id = :engagement_id AND datasets.removed_at IS NULL
  AND run_type = 'sampling' AND status = 'completed'
  AND last_action IN ('', 'withdrawn', 'returned', 'reopened')
  AND NOT EXISTS (SELECT 1 FROM engagement_samples WHERE engagement_samples.job_id = jobs.id)
  AND EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
              AND refs.commit_id = output_commit_id AND substr(refs.name, 1, 5) = 'smpl-')
  AND (:sees_all OR jobs.dataset_id IN
       (SELECT dataset_id FROM dataset_access WHERE user_id = :user_id AND level <> 'read'))
ORDER BY jobs.seq DESC LIMIT :limit;

-- prepared_sample: Select the first sample of an engagement that a user prepared.
SELECT jobs.run_parameters ->> '$.output_ref' AS output_ref
FROM engagement_samples JOIN jobs ON jobs.id = engagement_samples.job_id
WHERE engagement_id = :engagement_id AND status <> 'failed'
  AND EXISTS (SELECT 1 FROM sample_preparers AS own
              WHERE own.job_id = engagement_samples.job_id AND own.user_id = :user_id)
ORDER BY jobs.seq LIMIT 1;

-- ledgers_of_engagement: Select the datasets of an engagement and of its samples.
SELECT dataset_id FROM engagement_datasets WHERE engagement_id = :engagement_id
UNION
SELECT dataset_id FROM engagement_samples JOIN jobs ON jobs.id = engagement_samples.job_id
WHERE engagement_id = :engagement_id AND status <> 'failed'
ORDER BY dataset_id;

-- insert_panel: Insert a panel.
INSERT INTO panels (dataset_id, user_id, name, table_key, round, rotation, created_at)
VALUES (:dataset_id, :user_id, :name, :table_key, :round, :rotation, :created_at)
RETURNING id;

-- list_panels: List the panels of a dataset, or one by id.
SELECT panels.*, soeid AS user_soeid
FROM panels JOIN users ON users.id = user_id
WHERE (:id IS NULL OR panels.id = :id) AND (:dataset_id IS NULL OR dataset_id = :dataset_id)
ORDER BY panels.id;

-- waves_of_panel: Select a panel's jobs that haven't ended or whose sample a ref names.
SELECT jobs.id FROM jobs
WHERE run_parameters ->> '$.panel.panel_id' = :panel_id
  AND run_parameters ->> '$.panel.panel_id' IS NOT NULL
  AND (status IN ('pending', 'running')
       OR EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
                                       AND refs.commit_id = output_commit_id))
ORDER BY run_parameters ->> '$.panel.wave', jobs.seq;

-- other_wave: Select the job of a panel with the number of a given one, if its sample has a ref.
SELECT other.id FROM jobs AS restored JOIN jobs AS other
  ON other.run_parameters ->> '$.panel.panel_id' = restored.run_parameters ->> '$.panel.panel_id'
 AND other.run_parameters ->> '$.panel.wave' = restored.run_parameters ->> '$.panel.wave'
WHERE restored.id = :job_id AND other.id <> restored.id
  AND other.run_parameters ->> '$.panel.panel_id' IS NOT NULL
  AND (other.status IN ('pending', 'running')
       OR EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = other.dataset_id
                                       AND refs.commit_id = other.output_commit_id));

-- failed_wave_of_panel: Select a panel's latest job if it failed and wasn't dismissed.
SELECT id FROM jobs AS latest
WHERE run_parameters ->> '$.panel.panel_id' = :panel_id
  AND run_parameters ->> '$.panel.panel_id' IS NOT NULL
  AND status = 'failed' AND dismissed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM jobs
                  WHERE run_parameters ->> '$.panel.panel_id' = :panel_id
                    AND run_parameters ->> '$.panel.panel_id' IS NOT NULL
                    AND jobs.seq > latest.seq);

-- delete_panel: Delete a panel.
DELETE FROM panels WHERE id = :id;

-- delete_panels_of_dataset: Delete the panels of a dataset.
DELETE FROM panels WHERE dataset_id = :dataset_id;

-- insert_schedule: Insert a schedule.
INSERT INTO schedules (dataset_id, user_id, name, run_type, request, cron, zone, misfire,
                       created_at, counted_from, next_run_at, job_id, exclude_drawn_by, source)
VALUES (:dataset_id, :user_id, :name, :run_type, :request, :cron, :zone, :misfire,
        :now, :now, :next_run_at, :job_id, :exclude_drawn_by, :source)
RETURNING id;


-- draws_of_schedule: Select a schedule's draws that haven't ended or whose sample a ref names.
SELECT jobs.id FROM jobs
WHERE (schedule_id = :schedule_id OR jobs.id = :job_id) AND run_type = 'sampling'
  AND (status IN ('pending', 'running')
       OR EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
                                       AND refs.commit_id = output_commit_id))
ORDER BY jobs.seq;

-- sampled_runs: Select a schedule's newest completed draws whose sample a ref names.
SELECT id FROM jobs
WHERE schedule_id = :schedule_id AND run_type = 'sampling' AND status = 'completed'
  AND EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
                                   AND refs.commit_id = output_commit_id)
ORDER BY seq DESC LIMIT :limit;

-- schedule_of_job: Select the schedule whose run a job is.
SELECT schedule_id FROM jobs WHERE id = :job_id AND schedule_id IS NOT NULL;

-- list_schedules: List the schedules of a dataset, or one by id, or those that run.
SELECT schedules.*, soeid AS user_soeid
FROM schedules JOIN users ON users.id = user_id
WHERE (:id IS NULL OR schedules.id = :id)
  AND (:dataset_id IS NULL OR dataset_id = :dataset_id)
  AND (NOT :active OR paused_at IS NULL)
ORDER BY schedules.id;

-- update_schedule: Change the times, the key, the data or the questions of a schedule, or pause it.
UPDATE schedules
SET cron = :cron, zone = :zone, misfire = :misfire, paused_at = :paused_at,
    counted_from = :now, next_run_at = :next_run_at, exclude_drawn_by = :exclude_drawn_by,
    source = :source, request = :request
WHERE id = :id;

-- forget_schedule_problem: Forget why a run wasn't submitted.
UPDATE schedules SET problem = NULL WHERE id = :id;

-- advance_schedule: Set a schedule's next run, unless it was changed; with or without a job.
UPDATE schedules
SET counted_from = :now, next_run_at = :next_run_at, problem = :problem,
    last_run_at = CASE WHEN :job_id IS NULL THEN last_run_at ELSE :now END,
    last_job_id = coalesce(:job_id, last_job_id)
WHERE id = :id AND next_run_at = :due AND paused_at IS NULL
RETURNING id;

-- note_run: Note a job that a schedule submitted out of turn.
UPDATE schedules SET last_run_at = :now, last_job_id = :job_id, problem = NULL WHERE id = :id
RETURNING id;

-- note_schedule_of_job: Note the schedule that a job is a run of.
UPDATE jobs SET schedule_id = :schedule_id WHERE id = :job_id;

-- note_schedule_problem: Note why a run of a schedule was stopped.
UPDATE schedules SET problem = :problem, counted_from = :now WHERE id = :id;

-- insert_run: Note a run that begins with data, in the transaction of its first job.
INSERT INTO schedule_runs (schedule_id, name, numbers_name, began_at, data_job_id)
VALUES (:schedule_id, :name, :numbers_name, :began_at, :data_job_id);

-- end_runs_kept_apart: End the runs of a schedule that wait for an acceptance, as another begins.
UPDATE schedule_runs SET ended_at = :now
WHERE schedule_id = :schedule_id AND state = 'kept_apart' AND ended_at IS NULL;

-- list_runs: List the runs of a schedule, newest first.
SELECT * FROM schedule_runs WHERE schedule_id = :schedule_id ORDER BY id DESC;

-- open_runs: List the runs that haven't ended, or those of a schedule; oldest first.
SELECT * FROM schedule_runs
WHERE ended_at IS NULL AND (:schedule_id IS NULL OR schedule_id = :schedule_id)
ORDER BY id;

-- set_run: Change the state, the jobs and the problem of a run that hasn't ended.
UPDATE schedule_runs
SET state = :state, profile_job_id = coalesce(:profile_job_id, profile_job_id),
    job_id = coalesce(:job_id, job_id), problem = :problem, ended_at = :ended_at
WHERE id = :id AND ended_at IS NULL AND state = :state_before
  AND profile_job_id IS :profile_before AND job_id IS :job_before
RETURNING id;

-- delete_runs_of_schedule: Delete the runs of a schedule; their jobs stay.
DELETE FROM schedule_runs WHERE schedule_id = :id;

-- delete_runs_of_dataset: Delete the runs of a dataset's schedules.
DELETE FROM schedule_runs
WHERE schedule_id IN (SELECT id FROM schedules WHERE dataset_id = :dataset_id);

-- delete_schedule: Delete a schedule.
DELETE FROM schedules WHERE id = :id;

-- delete_schedules_of_dataset: Delete the schedules of a dataset.
DELETE FROM schedules WHERE dataset_id = :dataset_id;

-- pause_schedules_of_user: Pause the schedules of a removed user.
UPDATE schedules SET paused_at = :now WHERE user_id = :user_id AND paused_at IS NULL;

-- delete_connections_of_user: Let a user use no connection.
DELETE FROM connection_users WHERE user_id = :user_id;

-- delete_memberships_of_user: Remove a user from all groups.
DELETE FROM group_members WHERE user_id = :user_id;

-- insert_dataset: Insert a dataset.
INSERT INTO datasets (name, description, tags, created_by, created_at, updated_at)
VALUES (:name, :description, :tags, :created_by, :now, :now)
RETURNING *;

-- dataset_for: Select a dataset with a user's permission level, or NULL.
SELECT datasets.*, users.soeid AS created_by_soeid,
       (SELECT level FROM dataset_access
        WHERE dataset_id = datasets.id AND user_id = :user_id
        ORDER BY level = 'admin' DESC, level = 'write' DESC LIMIT 1) AS level
FROM datasets JOIN users ON users.id = datasets.created_by
WHERE datasets.id = :id AND datasets.removed_at IS NULL;

-- unwritable_datasets: Select those of some datasets in which a user can't write; deleted ones don't
-- count.
SELECT name FROM datasets
WHERE id IN (SELECT value FROM json_each(:ids)) AND removed_at IS NULL
  AND NOT EXISTS (SELECT 1 FROM dataset_access
                  WHERE dataset_id = datasets.id AND user_id = :user_id AND level <> 'read')
ORDER BY name COLLATE NOCASE, id;

-- unreadable_datasets: Select those of some datasets that a user can't read, also deleted ones.
SELECT id FROM datasets
WHERE id IN (SELECT value FROM json_each(:ids))
  AND NOT EXISTS (SELECT 1 FROM dataset_access
                  WHERE dataset_id = datasets.id AND user_id = :user_id);

-- list_datasets: List the datasets that match the filters.
SELECT datasets.*, users.soeid AS created_by_soeid,
       (SELECT level FROM dataset_access
        WHERE dataset_id = datasets.id AND user_id = :user_id
        ORDER BY level = 'admin' DESC, level = 'write' DESC LIMIT 1) AS level
FROM datasets JOIN users ON users.id = datasets.created_by
{where}
{order};

-- visible_namesake: Select a dataset of the same creator and name that the viewer can see.
SELECT id FROM datasets
WHERE created_by = coalesce(:creator_id, (SELECT created_by FROM datasets WHERE id = :id))
  AND name = :name COLLATE NOCASE AND removed_at IS NULL AND id IS NOT :id
  AND (:sees_all OR id IN (SELECT dataset_id FROM dataset_access WHERE user_id = :viewer_id))
LIMIT 1;

-- update_dataset: Update a dataset's texts and setting; NULL leaves a field unchanged.
UPDATE datasets
SET name = coalesce(:name, name), description = coalesce(:description, description),
    tags = coalesce(:tags, tags), require_columns = coalesce(:require_columns, require_columns),
    updated_at = :now
WHERE id = :id AND removed_at IS NULL
RETURNING *;

-- dataset_requires_columns: Select whether a dataset's imports must keep the columns.
SELECT require_columns FROM datasets WHERE id = :id;

-- touch_dataset: Set a dataset's updated_at after a change of a ref.
UPDATE datasets SET updated_at = :now WHERE id = :id;

-- remove_dataset: Mark a dataset as removed.
UPDATE datasets SET removed_at = :now WHERE id = :id AND removed_at IS NULL RETURNING id;

-- restore_dataset: Restore a removed dataset, with a new name unless that is NULL.
UPDATE datasets SET removed_at = NULL, name = coalesce(:name, name), updated_at = :now
WHERE id = :id
RETURNING *;

-- insert_bin_entry: Insert a deleted ref, or a deleted dataset (without a ref).
INSERT INTO bin (dataset_id, ref_name, commit_id, deleted_by, deleted_at)
VALUES (:dataset_id, :ref_name, :commit_id, :deleted_by, :now)
RETURNING id;

-- list_bin: List the entries of the bin since a time, newest first, with a user's level.
SELECT bin.id, bin.dataset_id, datasets.name AS dataset_name, ref_name, bin.commit_id,
       commits.message AS purpose,
       (SELECT jobs.id FROM jobs WHERE jobs.dataset_id = bin.dataset_id
                                   AND jobs.output_commit_id = bin.commit_id) AS job_id,
       users.soeid AS deleted_by, deleted_at,
       (SELECT level FROM dataset_access
        WHERE dataset_access.dataset_id = bin.dataset_id AND user_id = :user_id
        ORDER BY level = 'admin' DESC, level = 'write' DESC LIMIT 1) AS level
FROM bin JOIN datasets ON datasets.id = bin.dataset_id JOIN users ON users.id = deleted_by
LEFT JOIN commits ON commits.dataset_id = bin.dataset_id AND commits.id = bin.commit_id
WHERE purged_at IS NULL AND deleted_at >= :since
  AND (datasets.removed_at IS NULL OR ref_name IS NULL){where}
ORDER BY bin.id DESC;

-- ref_names_of_commit: Select the refs of a dataset that name a commit.
SELECT name FROM refs WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- binned_commit: Select the entry of a ref's commit since a time, if it can still be restored.
SELECT id FROM bin WHERE dataset_id = :dataset_id AND commit_id = :commit_id
  AND purged_at IS NULL AND deleted_at >= :since LIMIT 1;

-- delete_bin_entry: Delete the entry of a restored object.
DELETE FROM bin WHERE id = :id;

-- purge_bin_entry: Release an entry to the next prune.
UPDATE bin SET purged_at = :now WHERE id = :id;

-- delete_bin_of_commit: Delete the entries of a pruned commit.
DELETE FROM bin WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_bin_of_dataset: Delete the entries of a pruned dataset that has no commits and jobs.
DELETE FROM bin
WHERE dataset_id = :dataset_id
  AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.dataset_id = bin.dataset_id)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.dataset_id = bin.dataset_id);

-- list_permissions: List the users' permission levels in a dataset.
SELECT users.id AS user_id, users.soeid AS user_soeid, level
FROM dataset_permissions JOIN users ON users.id = user_id
WHERE dataset_id = :dataset_id AND users.removed_at IS NULL
ORDER BY users.soeid COLLATE NOCASE;

-- put_permission: Set a user's permission level in a dataset.
INSERT INTO dataset_permissions (dataset_id, user_id, level)
VALUES (:dataset_id, :user_id, :level)
ON CONFLICT (dataset_id, user_id) DO UPDATE SET level = :level;

-- delete_permission: Delete a user's permission in a dataset.
DELETE FROM dataset_permissions WHERE dataset_id = :dataset_id AND user_id = :user_id
RETURNING level;

-- list_group_permissions: List the groups' permission levels in a dataset, everyone first.
SELECT groups.id AS group_id, groups.name AS group_name, level
FROM group_permissions JOIN groups ON groups.id = group_id
WHERE dataset_id = :dataset_id
ORDER BY groups.id <> 1, groups.name COLLATE NOCASE;

-- put_group_permission: Set a group's permission level in a dataset.
INSERT INTO group_permissions (dataset_id, group_id, level)
VALUES (:dataset_id, :group_id, :level)
ON CONFLICT (dataset_id, group_id) DO UPDATE SET level = :level;

-- delete_group_permission: Delete a group's permission in a dataset.
DELETE FROM group_permissions WHERE dataset_id = :dataset_id AND group_id = :group_id
RETURNING level;

-- count_dataset_admins: Count the active users with level admin in a dataset.
SELECT count(*) FROM dataset_access JOIN users ON users.id = user_id
WHERE dataset_id = :dataset_id AND level = 'admin' AND users.removed_at IS NULL;

-- insert_commit: Insert a commit.
INSERT INTO commits (dataset_id, id, parent_id, author_id, message, created_at, manifest)
VALUES (:dataset_id, :id, :parent_id, :author_id, :message, :created_at, :manifest);

-- insert_commit_file: Record that a commit references a data file.
INSERT INTO commit_files (sha256, dataset_id, commit_id)
VALUES (:sha256, :dataset_id, :commit_id);

-- commit_by_id: Select one commit of a dataset.
SELECT commits.*, users.soeid AS author FROM commits JOIN users ON users.id = author_id
WHERE dataset_id = :dataset_id AND commits.id = :id;

-- commits_by_prefix: Select up to two commits by an id prefix; two mean that it is ambiguous.
SELECT id FROM commits WHERE dataset_id = :dataset_id AND id >= :prefix AND id < :prefix || 'g'
LIMIT 2;

-- commit_history: List a commit and its ancestors, newest first.
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
ORDER BY depth;

-- is_ancestor: Select a row if a commit is an ancestor of another one.
WITH RECURSIVE line (id) AS (
    SELECT parent_id FROM commits WHERE dataset_id = :dataset_id AND id = :commit_id
    UNION ALL
    SELECT commits.parent_id FROM line
    JOIN commits ON commits.dataset_id = :dataset_id AND commits.id = line.id
)
SELECT 1 FROM line WHERE id = :ancestor_id LIMIT 1;

-- all_commits: List all commits with their manifests, for a check.
SELECT dataset_id, id, manifest FROM commits ORDER BY dataset_id, id;

-- referenced_files: Select the files of commits, uploaded values, attachments and papers.
SELECT DISTINCT sha256 FROM needed_files;

-- files_of_dataset: Select the files of a dataset's commits, uploaded values, attachments and papers.
SELECT DISTINCT sha256 FROM needed_files WHERE dataset_id = :dataset_id;

-- files_of_users: Select the data files that each user, or one, stored first.
SELECT DISTINCT author_id AS user_id, sha256
FROM commits JOIN commit_files ON commit_files.dataset_id = commits.dataset_id
                              AND commit_files.commit_id = commits.id
WHERE (:user_id IS NULL OR author_id = :user_id)
  AND NOT EXISTS (SELECT 1 FROM commit_files AS others
                  JOIN commits AS earlier ON earlier.dataset_id = others.dataset_id
                                         AND earlier.id = others.commit_id
                  WHERE others.sha256 = commit_files.sha256
                    AND earlier.author_id <> commits.author_id
                    AND earlier.created_at < commits.created_at)
UNION
SELECT user_id, sha256 FROM sample_values WHERE :user_id IS NULL OR user_id = :user_id
UNION
SELECT user_id, sha256 FROM attachments WHERE :user_id IS NULL OR user_id = :user_id
UNION
SELECT user_id, sha256 FROM issued_papers WHERE :user_id IS NULL OR user_id = :user_id
UNION
SELECT user_id, sha256 FROM combined_papers WHERE :user_id IS NULL OR user_id = :user_id;

-- quota_of_user: Select a user's own quota.
SELECT size_mb FROM user_quotas WHERE user_id = :user_id;

-- quota_of_dataset: Select a dataset's own quota.
SELECT size_mb FROM dataset_quotas WHERE dataset_id = :dataset_id;

-- put_quota_of_user: Set a user's own quota.
INSERT INTO user_quotas (user_id, size_mb) VALUES (:user_id, :size_mb)
ON CONFLICT (user_id) DO UPDATE SET size_mb = :size_mb;

-- put_quota_of_dataset: Set a dataset's own quota.
INSERT INTO dataset_quotas (dataset_id, size_mb) VALUES (:dataset_id, :size_mb)
ON CONFLICT (dataset_id) DO UPDATE SET size_mb = :size_mb;

-- delete_quota_of_user: Let the settings say a user's quota.
DELETE FROM user_quotas WHERE user_id = :user_id;

-- delete_quota_of_dataset: Let the settings say a dataset's quota.
DELETE FROM dataset_quotas WHERE dataset_id = :dataset_id;

-- own_quotas_of_users: List the users' own quotas.
SELECT user_id, size_mb FROM user_quotas;

-- own_quotas_of_datasets: List the datasets' own quotas.
SELECT dataset_id, size_mb FROM dataset_quotas;

-- files_of_datasets: Select the data files of each dataset.
SELECT DISTINCT dataset_id, sha256 FROM needed_files;

-- commits_of_datasets: Count the commits of each dataset, including removed ones.
SELECT id, name, removed_at,
       (SELECT count(*) FROM commits WHERE commits.dataset_id = datasets.id) AS commits
FROM datasets;

-- files_of_others: Select the data files that others than these commits and jobs need.
SELECT sha256 FROM commit_files
JOIN commits ON commits.dataset_id = commit_files.dataset_id AND commits.id = commit_id
WHERE commits.rowid NOT IN (SELECT value FROM json_each(:commits))
UNION
SELECT sha256 FROM sample_values JOIN jobs ON jobs.id = job_id
WHERE jobs.seq NOT IN (SELECT value FROM json_each(:jobs))
UNION
SELECT sha256 FROM attachments JOIN jobs ON jobs.id = job_id
WHERE jobs.seq NOT IN (SELECT value FROM json_each(:jobs))
UNION
SELECT sha256 FROM issued_papers JOIN jobs ON jobs.id = job_id
WHERE jobs.seq NOT IN (SELECT value FROM json_each(:jobs))
UNION
SELECT sha256 FROM combined_papers JOIN combined_paper_samples ON paper_id = combined_papers.id
JOIN jobs ON jobs.id = job_id
WHERE jobs.seq NOT IN (SELECT value FROM json_each(:jobs));

-- uploaded_files: Select the files of uploaded values, attachments and papers, for a check.
SELECT sha256, rows, size_bytes FROM sample_values
UNION ALL
SELECT sha256, 0, size_bytes FROM attachments
UNION ALL
SELECT sha256, 0, size_bytes FROM issued_papers
UNION ALL
SELECT sha256, 0, size_bytes FROM combined_papers;

-- attachment_count: Count the attachments of samples, for a check.
SELECT count(*) FROM attachments;

-- referenced_among: Select which of some data files are needed.
SELECT DISTINCT sha256 FROM needed_files WHERE sha256 IN (SELECT value FROM json_each(:hashes));

-- unreachable_commits: Select the commits that a prune can delete, newest first: unreachable for
-- long, not needed by an open job or a registered plan, and not the output without a ref of a
-- remaining job.
WITH RECURSIVE retained (place) AS (
    SELECT commits.rowid FROM refs
    JOIN commits ON commits.dataset_id = refs.dataset_id AND commits.id = refs.commit_id
    WHERE refs.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
    UNION
    SELECT commits.rowid FROM left_commits
    JOIN commits ON commits.dataset_id = left_commits.dataset_id AND commits.id = commit_id
    WHERE left_at >= :unreachable_before
      AND commits.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
      AND NOT EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = commits.dataset_id
                                          AND bin.commit_id = commits.id
                                          AND purged_at IS NOT NULL)
    UNION
    SELECT rowid FROM commits
    WHERE created_at >= :unreachable_before
      AND dataset_id NOT IN (SELECT value FROM json_each(:datasets))
      AND NOT EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = commits.dataset_id
                                          AND bin.commit_id = commits.id
                                          AND purged_at IS NOT NULL)
    UNION
    SELECT commits.rowid FROM bin
    JOIN commits ON commits.dataset_id = bin.dataset_id AND commits.id = bin.commit_id
    WHERE purged_at IS NULL AND deleted_at >= :binned_since
      AND bin.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
    UNION
    SELECT commits.rowid FROM jobs INDEXED BY jobs_listed_of_status
    JOIN commits ON commits.dataset_id = jobs.dataset_id
         AND commits.id IN (source_commit_id, run_parameters ->> '$.compare_to.commit_id')
    WHERE jobs.status IN ('pending', 'running')
    UNION
    SELECT commits.rowid FROM jobs INDEXED BY jobs_listed_of_status
    JOIN json_each(run_parameters, '$.joined') AS joined
    JOIN commits ON commits.dataset_id = jobs.dataset_id
         AND commits.id = joined.value ->> '$.commit_id'
    WHERE jobs.status IN ('pending', 'running')
    UNION
    SELECT commits.rowid FROM ledger_entries
    JOIN commits ON commits.dataset_id = ledger_entries.dataset_id
         AND commits.id = (body ->> '$.text') ->> '$.commit_id'
    WHERE kind = 'plan'
      AND ledger_entries.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
      AND NOT EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = commits.dataset_id
                                          AND bin.commit_id = commits.id)
    UNION
    SELECT commits.rowid FROM jobs
    JOIN commits ON commits.dataset_id = jobs.dataset_id AND commits.id = output_commit_id
    WHERE (:jobs_before IS NULL OR jobs.completed_at >= :jobs_before)
      AND jobs.dataset_id NOT IN (SELECT value FROM json_each(:datasets))
      AND NOT EXISTS (SELECT 1 FROM left_commits
                      WHERE left_commits.dataset_id = commits.dataset_id
                        AND left_commits.commit_id = commits.id)
    UNION
    SELECT parents.rowid FROM retained JOIN commits ON commits.rowid = retained.place
    JOIN commits AS parents
         ON parents.dataset_id = commits.dataset_id AND parents.id = commits.parent_id
)
SELECT commits.rowid AS place, commits.id, commits.message AS name,
       datasets.name AS dataset_name, commits.created_at AS at
FROM commits JOIN datasets ON datasets.id = commits.dataset_id
WHERE commits.rowid NOT IN (SELECT place FROM retained)
ORDER BY commits.rowid DESC;

-- removable_commit: Select a commit if it can be pruned now and has no child.
SELECT commits.rowid AS place, commits.dataset_id, commits.id, commits.message AS name,
       datasets.name AS dataset_name, commits.created_at AS at
FROM commits JOIN datasets ON datasets.id = commits.dataset_id
WHERE commits.rowid = :place
  AND NOT EXISTS (SELECT 1 FROM commits AS later WHERE later.dataset_id = commits.dataset_id
                                                   AND later.parent_id = commits.id)
  AND NOT EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = commits.dataset_id
                                       AND refs.commit_id = commits.id)
  AND NOT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_listed_of_status
                  WHERE jobs.status IN ('pending', 'running')
                    AND jobs.dataset_id = commits.dataset_id
                    AND (commits.id IN (source_commit_id,
                                        run_parameters ->> '$.compare_to.commit_id')
                         OR commits.id IN (SELECT value ->> '$.commit_id'
                                           FROM json_each(run_parameters, '$.joined'))))
  AND (commits.dataset_id IN (SELECT value FROM json_each(:datasets))
       OR NOT EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = commits.dataset_id
                                          AND bin.commit_id = commits.id
                                          AND purged_at IS NULL AND deleted_at >= :binned_since))
  AND (commits.dataset_id IN (SELECT value FROM json_each(:datasets))
       OR EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = commits.dataset_id
                                      AND bin.commit_id = commits.id AND purged_at IS NOT NULL)
       OR (commits.created_at < :unreachable_before
           AND NOT EXISTS (SELECT 1 FROM left_commits
                           WHERE left_commits.dataset_id = commits.dataset_id
                             AND left_commits.commit_id = commits.id
                             AND left_at >= :unreachable_before)));

-- log_pruned_commit: Log the pruning of a commit in the remaining jobs.
INSERT INTO job_log (job_id, at, message)
SELECT jobs.id, :now, 'pruned, since no ref reached it: commit ' || :commit_id FROM jobs
WHERE jobs.seq IN (
        SELECT seq FROM jobs WHERE dataset_id = :dataset_id AND source_commit_id = :commit_id
        UNION
        SELECT seq FROM jobs WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id)
  AND NOT coalesce(jobs.completed_at < :jobs_before, FALSE)
  AND jobs.dataset_id NOT IN (SELECT value FROM json_each(:datasets));

-- clear_source_commit: Clear a pruned commit from the jobs that used it as source.
UPDATE jobs SET source_commit_id = NULL
WHERE dataset_id = :dataset_id AND source_commit_id = :commit_id;

-- clear_output_commit: Clear a pruned commit from the job that produced it.
UPDATE jobs SET output_commit_id = NULL
WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id;

-- delete_left_commit: Delete the time at which a ref left a commit.
DELETE FROM left_commits WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_commit_files: Delete a commit's references to data files.
DELETE FROM commit_files WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_row_roots: Delete the row roots of a commit's tables.
DELETE FROM row_roots WHERE dataset_id = :dataset_id AND commit_id = :commit_id;

-- delete_commit: Delete a commit.
DELETE FROM commits WHERE dataset_id = :dataset_id AND id = :commit_id;

-- insert_ref: Insert a ref.
INSERT INTO refs (dataset_id, name, commit_id, created_at, updated_at)
VALUES (:dataset_id, :name, :commit_id, :now, :now);

-- ref_by_name: Select one ref of a dataset.
SELECT * FROM refs WHERE dataset_id = :dataset_id AND name = :name;

-- list_refs: List a dataset's refs by name, main first.
SELECT * FROM refs WHERE dataset_id = :dataset_id ORDER BY name <> 'main', name;

-- find_refs: Find a text in the names and purposes of the refs that changed last, best match first.
WITH scanned AS (
    SELECT dataset_id, name, commit_id, updated_at FROM refs INDEXED BY refs_changed
    WHERE commit_id IS NOT NULL AND dataset_id IN ({visible})
    ORDER BY updated_at DESC LIMIT :scanned
),
found AS (
    SELECT scanned.*, message, commits.created_at,
           CASE WHEN name GLOB 'smpl-*' OR name GLOB 'expl-*' THEN substr(name, 6) ELSE name END
               AS short_name
    FROM scanned JOIN commits ON commits.dataset_id = scanned.dataset_id
                             AND commits.id = scanned.commit_id
    WHERE instr(lower(name), lower(:text)) OR instr(lower(message), lower(:text))
)
SELECT found.dataset_id, datasets.name, found.name, found.commit_id, message, found.created_at,
       (SELECT jobs.id FROM jobs WHERE jobs.dataset_id = found.dataset_id
                                   AND jobs.output_commit_id = found.commit_id)
FROM found JOIN datasets ON datasets.id = found.dataset_id
ORDER BY lower(short_name) = lower(:text) DESC,
         instr(lower(short_name), lower(:text)) = 1 DESC, found.updated_at DESC
LIMIT :limit;

-- find_commits: Find the commits whose id begins with a prefix; ids have the characters 0 to f.
SELECT dataset_id, datasets.name, commits.id, message, commits.created_at
FROM commits JOIN datasets ON datasets.id = dataset_id
WHERE dataset_id IN ({visible}) AND commits.id >= :prefix AND commits.id < :prefix || 'g'
ORDER BY commits.created_at DESC LIMIT :limit;

-- all_dataset_ids: Select all datasets that weren't removed.
SELECT id FROM datasets WHERE removed_at IS NULL;

-- permitted_dataset_ids: Select the datasets in which a user has a level.
SELECT dataset_access.dataset_id FROM dataset_access
JOIN datasets ON datasets.id = dataset_access.dataset_id
WHERE user_id = :user_id AND removed_at IS NULL;

-- list_ref_names: Select the names of all refs of a dataset.
SELECT name FROM refs WHERE dataset_id = :dataset_id;

-- move_ref: Move a ref by compare-and-swap; no row means that another writer moved it.
UPDATE refs SET commit_id = :commit_id, updated_at = :now
WHERE dataset_id = :dataset_id AND name = :name AND commit_id IS :expected
RETURNING name;

-- record_left_commit: Record that a ref leaves a commit, except for a move to its child.
INSERT INTO left_commits (dataset_id, commit_id, left_at)
SELECT dataset_id, commit_id, :now FROM refs
WHERE dataset_id = :dataset_id AND name = :name AND commit_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM commits AS next WHERE next.dataset_id = refs.dataset_id
                  AND next.id = :next_id AND next.parent_id = refs.commit_id)
ON CONFLICT (dataset_id, commit_id) DO UPDATE SET left_at = excluded.left_at;

-- delete_ref: Delete a ref; its commits stay until a prune.
DELETE FROM refs WHERE dataset_id = :dataset_id AND name = :name RETURNING name;

-- delete_refs: Delete the refs of a pruned dataset.
DELETE FROM refs WHERE dataset_id = :dataset_id;

-- prunable_datasets: Select datasets that were deleted for good, or removed before the cutoff and
-- aren't in the bin, and whose jobs have all ended.
SELECT id AS place, id, name, name AS dataset_name, removed_at AS at FROM datasets
WHERE removed_at IS NOT NULL
  AND (removed_at < :unreachable_before
       OR EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = datasets.id AND ref_name IS NULL
                                      AND purged_at IS NOT NULL))
  AND NOT EXISTS (SELECT 1 FROM bin WHERE bin.dataset_id = datasets.id AND ref_name IS NULL
                                      AND purged_at IS NULL AND deleted_at >= :binned_since)
  AND id NOT IN (SELECT dataset_id FROM jobs WHERE status IN ('pending', 'running'))
ORDER BY id DESC;

-- delete_permissions: Delete the users' permissions of a pruned dataset.
DELETE FROM dataset_permissions WHERE dataset_id = :dataset_id;

-- delete_group_permissions: Delete the groups' permissions of a pruned dataset.
DELETE FROM group_permissions WHERE dataset_id = :dataset_id;

-- delete_dataset: Delete a removed dataset that has no commits and jobs.
DELETE FROM datasets
WHERE id = :dataset_id AND removed_at IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM commits WHERE commits.dataset_id = datasets.id)
  AND NOT EXISTS (SELECT 1 FROM jobs WHERE jobs.dataset_id = datasets.id)
RETURNING id AS place, id, name, name AS dataset_name, removed_at AS at;

-- prunable_jobs: Select the ended jobs that a prune can delete, newest first.
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

-- count_prunable: Count what a prune can delete besides datasets, commits and jobs.
SELECT 'tokens' AS kind, count(*) AS count, min(expires_at) AS oldest, max(expires_at) AS newest
FROM tokens WHERE expires_at <= iif(kind = 'named', :named, :now)
UNION ALL
SELECT 'sign_in_links', count(*), min(expires_at), max(expires_at)
FROM sign_in_links WHERE expires_at <= :now
UNION ALL
SELECT 'idempotency_keys', count(*), min(created_at), max(created_at)
FROM idempotency_keys WHERE created_at <= :keys_before
UNION ALL
SELECT 'log_entries', count(*), min(at), max(at) FROM job_log
WHERE job_id IN (SELECT id FROM jobs WHERE seq IN (SELECT value FROM json_each(:jobs)))
UNION ALL
SELECT 'log_entries', count(*), min(at), max(at)
FROM job_log JOIN jobs ON jobs.id = job_log.job_id
WHERE :logs_before IS NOT NULL AND at < :logs_before AND jobs.completed_at IS NOT NULL
  AND jobs.seq NOT IN (SELECT value FROM json_each(:jobs));

-- removable_jobs: Select which of some prunable jobs have no output commit.
SELECT jobs.seq AS place, jobs.id,
       jobs.run_type || ', ' || jobs.status
           || coalesce(', ' || coalesce(jobs.run_parameters ->> '$.output_ref',
                                        jobs.run_parameters ->> '$.file_name'), '') AS name,
       datasets.name AS dataset_name, jobs.completed_at AS at
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id
WHERE jobs.seq IN (SELECT value FROM json_each(:jobs))
  AND jobs.completed_at IS NOT NULL AND jobs.output_commit_id IS NULL
ORDER BY jobs.seq DESC;

-- log_pruned_jobs: Log the pruning of jobs, by their ids, in the remaining jobs that retry them.
INSERT INTO job_log (job_id, at, message)
SELECT id, :now, 'pruned: the job that this one repeats, ' || retry_of FROM jobs
WHERE retry_of IN (SELECT value FROM json_each(:jobs))
  AND id NOT IN (SELECT value FROM json_each(:jobs));

-- clear_retry_of: Clear pruned jobs from the jobs that retry them.
UPDATE jobs SET retry_of = NULL WHERE retry_of IN (SELECT value FROM json_each(:jobs));

-- delete_log_of_jobs: Delete the log entries of pruned jobs.
DELETE FROM job_log WHERE job_id IN (SELECT value FROM json_each(:jobs)) RETURNING at;

-- delete_findings_of_jobs: Delete the findings of pruned jobs.
DELETE FROM findings WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_questions_of_jobs: Delete the questions of pruned jobs.
DELETE FROM review_questions WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_reviewers_of_jobs: Delete the reviewers of pruned jobs.
DELETE FROM reviewers WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_reservations_of_jobs: Delete the reservations of pruned jobs.
DELETE FROM reservations WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_replacements_of_jobs: Delete the replacements of pruned jobs.
DELETE FROM replacements WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_attributes_of_jobs: Delete the tested attributes of pruned jobs.
DELETE FROM tested_attributes WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_shown_columns_of_jobs: Delete the chosen columns of pruned samples.
DELETE FROM shown_columns WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_conclusions_of_jobs: Delete the auditors' conclusions on pruned jobs.
DELETE FROM audit_conclusions WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_paper_facts_of_jobs: Delete the facts of working papers of pruned jobs.
DELETE FROM paper_facts WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_issued_papers_of_jobs: Delete the issued papers of pruned jobs; a prune deletes their files.
DELETE FROM issued_papers WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_combined_paper_samples_of_jobs: Delete pruned jobs from papers on several samples.
DELETE FROM combined_paper_samples WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_left_combined_papers: Delete the papers on several samples that were all pruned.
DELETE FROM combined_papers
WHERE id NOT IN (SELECT paper_id FROM combined_paper_samples);

-- delete_reviews_of_jobs: Delete the reviews of pruned jobs.
DELETE FROM reviews WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_comparisons_of_jobs: Delete the comparisons of pruned jobs.
DELETE FROM comparisons WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_values_of_jobs: Delete the uploaded values of pruned samples; a prune deletes their files.
DELETE FROM sample_values WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_attachments_of_jobs: Delete the attachments of pruned samples; a prune deletes their files.
DELETE FROM attachments WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_certificates_of_jobs: Delete the certificates of pruned samples.
DELETE FROM certificates WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_evaluation_certificates_of_jobs: Delete the second certificates of pruned samples.
DELETE FROM evaluation_certificates WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_keys_of_jobs: Delete the idempotency keys of pruned jobs.
DELETE FROM idempotency_keys WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- delete_jobs: Delete pruned jobs.
DELETE FROM jobs WHERE id IN (SELECT value FROM json_each(:jobs));

-- old_log_entries: Select a batch of old log entries.
SELECT job_log.id, at FROM job_log JOIN jobs ON jobs.id = job_log.job_id
WHERE job_log.id > :after AND at < :logs_before AND jobs.completed_at IS NOT NULL
ORDER BY job_log.id LIMIT :limit;

-- delete_log_entries: Delete log entries.
DELETE FROM job_log WHERE id IN (SELECT value FROM json_each(:entries));

-- upload_of_job: Select what decides whether a job's upload can be deleted.
SELECT jobs.seq AS place, jobs.completed_at, jobs.run_parameters ->> '$.file_name' AS name,
       datasets.name AS dataset_name
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id WHERE jobs.id = :id;

-- insert_job: Insert a pending job; the retry of a schedule's run is a run, too.
INSERT INTO jobs (id, run_type, dataset_id, user_id, source_commit_id, run_parameters, created_at,
                  retry_of, lane, priority, request_id, schedule_id)
VALUES (:id, :run_type, :dataset_id, :user_id, :source_commit_id, :run_parameters, :created_at,
        :retry_of, :lane, :priority, :request_id,
        (SELECT schedule_id FROM jobs AS retried WHERE retried.id = :retry_of));

-- claim_job: pending -> running for the next job of a lane; no row means that none can start.
-- Interactive before batch, then the user with the lowest turn, then the user's oldest job. A
-- delay later than the longest possible delay comes from a clock that was set back: it has ended.
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
                started_at = max(:now, created_at),  -- the clock may have been set back
                progress = 0, progress_message = 'started'
WHERE seq = (SELECT heads.seq FROM heads JOIN jobs AS head ON head.seq = heads.seq
             LEFT JOIN queue_turns ON queue_turns.lane = :lane
                                  AND queue_turns.priority = head.priority
                                  AND queue_turns.user_id = head.user_id
             ORDER BY head.priority, coalesce(turn, 0), heads.seq LIMIT 1)
  AND status = 'pending'
RETURNING id, user_id, priority;

-- has_waiting: Test whether a job waits in a lane, postponed ones included.
SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND lane = :lane);

-- others_wait: Test whether another user's job in a lane could start, as in claim_job.
SELECT EXISTS (SELECT 1 FROM jobs WHERE status = 'pending' AND lane = :lane AND user_id <> :user_id
               AND (not_before IS NULL OR not_before <= :now OR not_before > :latest));

-- update_turn: Move a served user to the end of the lane's turns at this priority.
INSERT INTO queue_turns (lane, priority, user_id, turn)
VALUES (:lane, :priority, :user_id,
        (SELECT coalesce(max(turn), 0) + 1 FROM queue_turns
         WHERE lane = :lane AND priority = :priority))
ON CONFLICT (lane, priority, user_id) DO UPDATE SET turn = excluded.turn;

-- queue_position: Compute a waiting job's position in its lane, in the order of claim_job.
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

-- postpone_job: running -> pending after a transient fault, by the attempt that met it.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0,
                progress_message = :progress_message, not_before = :not_before
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- next_due: Select when the next postponed job can start.
SELECT min(not_before) AS due FROM jobs WHERE not_before IS NOT NULL;

-- report_progress: Update a running job's progress; an outdated attempt changes nothing.
UPDATE jobs SET progress = max(progress, :progress), progress_message = :progress_message
WHERE id = :id AND status = 'running' AND attempt = :attempt;

-- complete_job: running -> completed, by the running attempt; no row means another owns the job.
UPDATE jobs SET status = 'completed', completed_at = max(:now, started_at),
                output_summary = :output_summary, output_commit_id = :output_commit_id,
                progress = 100, progress_message = 'completed'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- fail_job: running -> failed, by the running attempt; no row means another owns the job.
UPDATE jobs SET status = 'failed', completed_at = max(:now, started_at),
                error_code = :error_code, error_message = :error_message
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- give_up_jobs: running -> failed, for jobs that crashes interrupted too often.
UPDATE jobs SET status = 'failed', completed_at = max(:now, started_at),
                error_code = 'interrupted',
                error_message = 'The service died while the job ran, ' || (crashes + 1)
                                || ' times; it is not tried again.'
WHERE status = 'running' AND crashes + 1 >= :max_crashes
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- requeue_jobs: running -> pending, for jobs that a crash interrupted.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0,
                progress_message = 'waits again: the service stopped while it ran',
                crashes = crashes + 1
WHERE status = 'running'
RETURNING id;

-- job_by_id: Select one job with its names and its comparison.
SELECT {columns}
FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id JOIN users ON users.id = jobs.user_id
LEFT JOIN comparisons ON comparisons.job_id = jobs.id
WHERE jobs.id = :id AND datasets.removed_at IS NULL;

-- job_with_output: Select the job that produced a commit.
SELECT id FROM jobs WHERE dataset_id = :dataset_id AND output_commit_id = :commit_id;

-- job_ids_by_prefix: Select the job ids with a prefix; ids have the characters 0 to f.
SELECT id FROM jobs WHERE id >= :prefix AND id < :prefix || 'g' LIMIT :limit;

-- latest_retry: Select the latest retry of a failed job.
SELECT id FROM jobs WHERE retry_of = :id ORDER BY seq DESC LIMIT 1;

-- jobs_by_seq: Select jobs with their names, in the order of a JSON array of seqs.
SELECT {columns}
FROM json_each(:seqs) AS place CROSS JOIN jobs ON jobs.seq = place.value
JOIN datasets ON datasets.id = jobs.dataset_id JOIN users ON users.id = jobs.user_id
ORDER BY place.key;

-- count_jobs: Count the jobs that match the filters of a list.
SELECT count(*) FROM jobs {selected};

-- job_seqs: Select the seqs of a page of the jobs that match the filters of a list.
SELECT seq FROM jobs INDEXED BY {index} WHERE {condition}
ORDER BY created_at {order}, seq {order} LIMIT :limit OFFSET :offset;

-- count_open_jobs: Count the pending and running jobs of a dataset.
SELECT count(*) FROM jobs INDEXED BY jobs_listed_of_status
WHERE status IN ('pending', 'running') AND dataset_id = :dataset_id;

-- needed_uploads: Select which uploads belong to open jobs or to failed jobs worth a retry.
SELECT id FROM jobs
WHERE id IN (SELECT value FROM json_each(:uploads))
  AND (status IN ('pending', 'running')
       OR status = 'failed' AND completed_at > :ended_after
          AND error_code IN (SELECT value FROM json_each(:codes))
          AND NOT EXISTS (SELECT 1 FROM jobs AS again WHERE again.retry_of = jobs.id));

-- release_job: running -> pending when the service stops; the attempt doesn't count.
UPDATE jobs SET status = 'pending', started_at = NULL, progress = 0, attempt = attempt - 1,
                progress_message = 'waits again: the service stopped while it ran'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- move_to_long_lane: running -> pending in the long lane.
UPDATE jobs SET status = 'pending', lane = 'long', started_at = NULL, progress = 0,
                progress_message = 'waits with the long jobs: others wait for the short ones'' threads'
WHERE id = :id AND status = 'running' AND attempt = :attempt
RETURNING id;

-- job_with_output_ref: Select the newest job, except failed ones, with this output ref.
SELECT id FROM jobs
WHERE dataset_id = :dataset_id AND run_type IN ('sampling', 'exploration')
  AND status <> 'failed'
  AND run_parameters ->> '$.output_ref' = :name
ORDER BY seq DESC LIMIT 1;

-- cancel_job: pending or running -> failed; no row means that the job has ended.
UPDATE jobs SET status = 'failed', completed_at = max(:now, coalesce(started_at, created_at)),
                not_before = NULL, error_code = 'cancelled', error_message = :error_message
WHERE id = :id AND status IN ('pending', 'running')
RETURNING id, run_type, lane, status, started_at, completed_at, error_code;

-- set_dismissed: Dismiss a failed job, or undo it with NULL.
UPDATE jobs SET dismissed_at = :dismissed_at WHERE id = :id AND status = 'failed' RETURNING id;

-- idempotency_key: Select an unexpired idempotency key.
SELECT * FROM idempotency_keys WHERE user_id = :user_id AND key = :key AND created_at > :since;

-- put_idempotency_key: Store a key with its job; it replaces an expired one.
INSERT INTO idempotency_keys (user_id, key, request_hash, job_id, created_at)
VALUES (:user_id, :key, :request_hash, :job_id, :created_at)
ON CONFLICT (user_id, key) DO UPDATE
SET request_hash = :request_hash, job_id = :job_id, created_at = :created_at;

-- delete_expired_keys: Delete the expired idempotency keys.
DELETE FROM idempotency_keys WHERE created_at <= :before RETURNING created_at AS at;

-- list_job_log: List a job's log entries, oldest first.
SELECT at, message FROM job_log WHERE job_id = :job_id ORDER BY id;

-- count_waiting_jobs_of: Count a user's pending jobs; naming both lanes makes SQLite use the index.
SELECT count(*) FROM jobs
WHERE lane IN ('short', 'long') AND user_id = :user_id AND status = 'pending';

-- insert_audit_entry: Insert an audit entry with the user's current SOEID.
INSERT INTO audit_log (at, action, user_id, user_soeid, dataset_id, object_type, object_id,
                       client_address, request_id, token_id, token_kind, token_name, details)
VALUES (:at, :action, :user_id,
        coalesce(:user_soeid, (SELECT soeid FROM users WHERE id = :user_id), ''),
        :dataset_id, :object_type, :object_id,
        :client_address, :request_id, :token_id, :token_kind, :token_name, :details);

-- list_audit_entries: List the audit entries that match the filters, newest first, with the names of
-- the dataset and of the job's sample or saved query, if they still exist.
SELECT audit_log.*, datasets.name AS dataset_name,
       jobs.run_parameters ->> '$.output_ref' AS output_ref
FROM audit_log
LEFT JOIN datasets ON datasets.id = audit_log.dataset_id
LEFT JOIN jobs ON jobs.id = iif(object_type = 'job', object_id, details ->> '$.job_id')
{where} ORDER BY audit_log.id DESC;

-- last_audit_entry: Select the time of the newest entry of an action.
SELECT at FROM audit_log WHERE action = :action ORDER BY id DESC LIMIT 1;

-- open_jobs_by_type: Count the pending and running jobs.
SELECT run_type, lane, status, count(*) AS jobs, min(created_at) AS oldest
FROM jobs INDEXED BY jobs_listed_of_status WHERE status IN ('pending', 'running')
GROUP BY run_type, lane, status;

-- add_draw_template: Store a draw template.
INSERT INTO draw_templates (user_id, name, body, created_at)
VALUES (:user_id, :name, :body, :created_at)
RETURNING *;

-- change_draw_template: Change the given fields of one of a user's draw templates.
UPDATE draw_templates
SET name = coalesce(:name, name), body = coalesce(:body, body), created_at = :created_at
WHERE id = :id AND user_id = :user_id
RETURNING *;

-- draw_template_named: Find a user's draw template by its name.
SELECT * FROM draw_templates WHERE user_id = :user_id AND name = :name COLLATE NOCASE;

-- list_draw_templates: List a user's draw templates by name.
SELECT * FROM draw_templates WHERE user_id = :user_id ORDER BY name COLLATE NOCASE;

-- delete_draw_template: Delete one of a user's draw templates.
DELETE FROM draw_templates WHERE id = :id AND user_id = :user_id RETURNING id;

-- add_reconciliation: Enter a balance of the general ledger for a column.
INSERT INTO reconciliations (dataset_id, commit_id, table_key, column_name, column_sum, balance,
                             difference, reference, explanation, user_id, at)
VALUES (:dataset_id, :commit_id, :table_key, :column_name, :column_sum, :balance, :difference,
        :reference, :explanation, :user_id, :at)
RETURNING *;

-- list_reconciliations: List the balances of the columns of a table of a version, newest first.
SELECT * FROM reconciliations
WHERE dataset_id = :dataset_id AND commit_id = :commit_id AND table_key = :table_key
ORDER BY id DESC;

-- newest_reconciliations: List the newest balance of each column of a table of a version.
SELECT * FROM reconciliations
WHERE id IN (
    SELECT max(id) FROM reconciliations
    WHERE dataset_id = :dataset_id AND commit_id = :commit_id AND table_key = :table_key
    GROUP BY column_name
)
ORDER BY id;

-- delete_reconciliations_of_dataset: Delete all balances of a dataset.
DELETE FROM reconciliations WHERE dataset_id = :dataset_id;

-- set_row_key: Declare the row key of a table, or declare another.
INSERT INTO row_keys (dataset_id, table_key, columns, duplicates, set_at, set_by)
VALUES (:dataset_id, :table_key, :columns, :duplicates, :set_at, :set_by)
ON CONFLICT (dataset_id, table_key) DO UPDATE
SET columns = :columns, duplicates = :duplicates, set_at = :set_at, set_by = :set_by
RETURNING *;

-- row_key_of_table: Select the declared row key of a table.
SELECT * FROM row_keys WHERE dataset_id = :dataset_id AND table_key = :table_key;

-- delete_row_key: Delete the declared row key of a table.
DELETE FROM row_keys WHERE dataset_id = :dataset_id AND table_key = :table_key
RETURNING table_key;

-- delete_row_keys_of_dataset: Delete all declared row keys of a dataset.
DELETE FROM row_keys WHERE dataset_id = :dataset_id;

-- set_data_contract: Set the data contract of a table, or set another.
INSERT INTO data_contracts (dataset_id, table_key, terms, set_at, set_by)
VALUES (:dataset_id, :table_key, :terms, :set_at, :set_by)
ON CONFLICT (dataset_id, table_key) DO UPDATE
SET terms = :terms, set_at = :set_at, set_by = :set_by
RETURNING *, (SELECT soeid FROM users WHERE users.id = set_by) AS set_by_soeid;

-- data_contracts_of_dataset: Select the data contracts of a dataset's tables, or of one table.
SELECT data_contracts.*, users.soeid AS set_by_soeid
FROM data_contracts JOIN users ON users.id = set_by
WHERE dataset_id = :dataset_id AND (:table_key IS NULL OR table_key = :table_key)
ORDER BY table_key;

-- delete_data_contract: Delete the data contract of a table.
DELETE FROM data_contracts WHERE dataset_id = :dataset_id AND table_key = :table_key
RETURNING table_key;

-- delete_data_contracts_of_dataset: Delete all data contracts of a dataset.
DELETE FROM data_contracts WHERE dataset_id = :dataset_id;

-- keep_apart: Note that a job's version is kept apart.
INSERT INTO kept_apart (job_id, dataset_id, ref_name, apart_ref, failures, row_keys, at)
VALUES (:job_id, :dataset_id, :ref_name, :apart_ref, :failures, :row_keys, :at);

-- list_kept_apart: List the versions of a dataset that were kept apart, or that of a job.
SELECT kept_apart.*, jobs.output_commit_id AS commit_id, jobs.run_parameters ->> '$.file_name'
       AS file_name, users.soeid AS accepted_by_soeid,
       EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = kept_apart.dataset_id
                                    AND refs.name = apart_ref
                                    AND refs.commit_id = jobs.output_commit_id) AS has_ref
FROM kept_apart JOIN jobs ON jobs.id = job_id LEFT JOIN users ON users.id = accepted_by
WHERE kept_apart.dataset_id = :dataset_id AND (:job_id IS NULL OR job_id = :job_id)
ORDER BY kept_apart.at DESC, job_id;

-- accept_kept_apart: Note that a version that was kept apart was accepted.
UPDATE kept_apart SET accepted_at = :at, accepted_by = :user_id, reason = :reason
WHERE job_id = :job_id AND accepted_at IS NULL
RETURNING job_id;

-- delete_kept_apart_of_jobs: Forget that the versions of pruned jobs were kept apart.
DELETE FROM kept_apart WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- store_comparison: Store a job's comparison, unless the job was deleted.
INSERT INTO comparisons (job_id, made_at, brief, whole)
SELECT :job_id, :made_at, :brief, :whole WHERE EXISTS (SELECT 1 FROM jobs WHERE id = :job_id)
ON CONFLICT (job_id) DO UPDATE SET made_at = :made_at, brief = :brief, whole = :whole;

-- outcomes_of_jobs: Select the verdicts of compared jobs.
SELECT job_id, brief ->> '$.outcome' AS outcome,
       brief ->> '$.minimum_detectable_difference' AS detectable FROM comparisons
WHERE job_id IN (SELECT value FROM json_each(:jobs)) AND brief ->> '$.outcome' IS NOT NULL;

-- output_refs_of_jobs: Select the refs of the outputs of some jobs.
SELECT id, run_parameters ->> '$.output_ref' AS ref FROM jobs
WHERE id IN (SELECT value FROM json_each(:jobs)) AND ref IS NOT NULL;

-- comparison_of_job: Select a job's full comparison.
SELECT made_at, whole FROM comparisons WHERE job_id = :job_id;

-- insert_finding: Insert a finding about a row of a sample.
INSERT INTO findings (job_id, row_id, outcome, audit_value, note, deviations, cause, cause_text,
                      user_id, at, reading, answers)
VALUES (:job_id, :row_id, :outcome, :audit_value, :note, :deviations, :cause, :cause_text,
        :user_id, :at, :reading, :answers)
RETURNING id;

-- tested_attributes: Select the attributes that the rows of a sample are tested for.
SELECT name FROM tested_attributes WHERE job_id = :job_id ORDER BY position;

-- delete_tested_attributes: Delete the attributes of a sample.
DELETE FROM tested_attributes WHERE job_id = :job_id;

-- insert_tested_attributes: Insert the attributes of a sample in their order.
INSERT INTO tested_attributes (job_id, position, name, user_id)
SELECT :job_id, key, value, :user_id FROM json_each(:names);

-- shown_columns: Select the columns that the findings of a sample show.
SELECT names FROM shown_columns WHERE job_id = :job_id;

-- put_shown_columns: Insert or replace the columns that the findings of a sample show.
INSERT INTO shown_columns (job_id, names) VALUES (:job_id, :names)
ON CONFLICT (job_id) DO UPDATE SET names = excluded.names;

-- delete_shown_columns: Delete the chosen columns of a sample.
DELETE FROM shown_columns WHERE job_id = :job_id;

-- carry_shown_columns: Copy the chosen columns of another sample.
INSERT INTO shown_columns (job_id, names)
SELECT :job_id, names FROM shown_columns WHERE job_id = :from_job_id;

-- insert_conclusion: Insert the auditor's conclusion on a sample.
INSERT INTO audit_conclusions (job_id, text, user_id, at)
VALUES (:job_id, :text, :user_id, :at);

-- newest_conclusion: Select the auditor's conclusion that counts.
SELECT audit_conclusions.*, users.soeid AS user_soeid
FROM audit_conclusions JOIN users ON users.id = audit_conclusions.user_id
WHERE job_id = :job_id
ORDER BY audit_conclusions.id DESC LIMIT 1;

-- insert_paper_template: Enter the template of working papers.
INSERT INTO paper_templates (body, logo, user_id, at) VALUES (:body, :logo, :user_id, :at);

-- newest_paper_template: Return the template of working papers.
SELECT body, logo, users.soeid AS user_soeid, at
FROM paper_templates JOIN users ON users.id = paper_templates.user_id
ORDER BY paper_templates.id DESC LIMIT 1;

-- insert_paper_facts: Insert facts of a working paper.
INSERT INTO paper_facts (job_id, body, user_id, at) VALUES (:job_id, :body, :user_id, :at);

-- list_paper_facts: List the entered facts of a sample's working paper, newest first.
SELECT paper_facts.*, body AS facts, users.soeid AS user_soeid
FROM paper_facts JOIN users ON users.id = paper_facts.user_id
WHERE job_id = :job_id
ORDER BY paper_facts.id DESC;

-- paper_facts_of_dataset: Select the newest facts of another sample of a dataset.
SELECT paper_facts.*, body AS facts, users.soeid AS user_soeid
FROM paper_facts JOIN jobs ON jobs.id = paper_facts.job_id
JOIN users ON users.id = paper_facts.user_id
WHERE jobs.dataset_id = :dataset_id AND paper_facts.job_id <> :job_id
ORDER BY paper_facts.id DESC LIMIT 1;

-- insert_issued_paper: Insert an issued working paper.
INSERT INTO issued_papers (job_id, dataset_id, number, paper_number, format, language, review_state,
                           evaluation_sha256, sha256, size_bytes, ledger_number, user_id, issued_at)
VALUES (:job_id, :dataset_id, :number, :paper_number, :format, :language, :review_state,
        :evaluation_sha256, :sha256, :size_bytes, :ledger_number, :user_id, :issued_at);

-- list_issued_papers: List the newest issued working papers of a sample. The steps of its review are
-- those of the parameter, so that SQLite reads them once and not for each paper.
SELECT job_id, number, paper_number, format, language, review_state, evaluation_sha256, sha256,
       size_bytes, ledger_number, user_id, issued_at, users.soeid AS user_soeid,
       review_state IN ('signed_off', 'approved')
           AND (SELECT action FROM reviews WHERE reviews.job_id = :job_id ORDER BY id DESC LIMIT 1)
               IN ('signed_off', 'approved')
           AND evaluation_sha256 IS NOT
               (SELECT kept_sha256(evaluation) FROM reviews
                WHERE reviews.job_id = :job_id AND action = 'signed_off' ORDER BY id DESC LIMIT 1)
           AS has_other_evaluation
FROM issued_papers JOIN users ON users.id = user_id
WHERE job_id = :job_id
ORDER BY number DESC LIMIT :limit;

-- insert_combined_paper: Insert an issued paper on several samples.
INSERT INTO combined_papers (number, jobs, samples, datasets, request, format, language, review_state,
                             is_tolerable, conclusion, evaluation_sha256, sha256, size_bytes, user_id,
                             issued_at)
VALUES (:number, :jobs, :samples, :datasets, :request, :format, :language, :review_state,
        :is_tolerable, :conclusion, :evaluation_sha256, :sha256, :size_bytes, :user_id, :issued_at)
RETURNING id;

-- insert_combined_paper_samples: Insert the samples of a paper on several of them.
INSERT INTO combined_paper_samples (job_id, paper_id)
SELECT value, :paper_id FROM json_each(:jobs);

-- list_combined_papers: List the papers on a sample and others together, newest first.
SELECT combined_papers.*, users.soeid AS user_soeid, withdrawers.soeid AS withdrawn_by_soeid
FROM combined_paper_samples JOIN combined_papers ON combined_papers.id = paper_id
     JOIN users ON users.id = user_id
     LEFT JOIN users AS withdrawers ON withdrawers.id = withdrawn_by
WHERE job_id = :job_id ORDER BY combined_papers.id DESC;

-- samples_issued_together: Select the samples of an engagement on which there are papers with others.
SELECT DISTINCT job_id FROM engagement_samples JOIN combined_paper_samples USING (job_id)
WHERE engagement_id = :engagement_id;

-- combined_paper_by_id: Select a paper on several samples.
SELECT combined_papers.*, users.soeid AS user_soeid, withdrawers.soeid AS withdrawn_by_soeid
FROM combined_papers JOIN users ON users.id = user_id
     LEFT JOIN users AS withdrawers ON withdrawers.id = withdrawn_by
WHERE combined_papers.id = :id;

-- engagement_combined_papers: List the newest paper on each set of samples of an engagement, but for
-- withdrawn ones.
SELECT combined_papers.*, users.soeid AS user_soeid, withdrawers.soeid AS withdrawn_by_soeid
FROM combined_papers JOIN users ON users.id = user_id
     LEFT JOIN users AS withdrawers ON withdrawers.id = withdrawn_by
WHERE combined_papers.id IN (
    SELECT max(paper_id)
    FROM engagement_samples JOIN combined_paper_samples USING (job_id)
         JOIN combined_papers AS listed ON listed.id = paper_id
    WHERE engagement_id = :engagement_id AND listed.withdrawn_at IS NULL
    GROUP BY listed.jobs)
ORDER BY combined_papers.id;

-- withdraw_combined_paper: Withdraw a paper on several samples, once.
UPDATE combined_papers
SET withdrawn_at = :withdrawn_at, withdrawn_by = :withdrawn_by, reason = :reason
WHERE id = :id AND withdrawn_at IS NULL RETURNING id;

-- newest_readings: Select the newest first reading, second reading and decision of rows.
SELECT findings.*, users.soeid AS user_soeid, counted.entries, counted.readers,
       CASE WHEN findings.id <= jobs.output_summary ->> '$.continues.last_finding_id'
            THEN jobs.output_summary ->> '$.continues.job_id' END AS from_job_id
FROM (SELECT max(id) AS id, sum(count(*)) OVER (PARTITION BY row_id) AS entries,
             json_group_array(DISTINCT user_id) AS readers
      FROM findings WHERE job_id = :job_id AND {rows} GROUP BY row_id, reading) AS counted
JOIN findings ON findings.id = counted.id
JOIN users ON users.id = findings.user_id
JOIN jobs ON jobs.id = findings.job_id
ORDER BY findings.id;

-- newest_entry_id: Select the id of the newest entry about a row of any sample.
SELECT coalesce(max(id), 0) FROM findings;

-- list_own_entries: List the newest entry of a user about each row of a sample, newest first.
SELECT findings.*, users.soeid AS user_soeid, 1 AS entries, NULL AS from_job_id
FROM findings JOIN users ON users.id = findings.user_id
WHERE findings.id IN (SELECT max(id) FROM findings WHERE job_id = :job_id AND user_id = :user_id
                      GROUP BY row_id, reading)
ORDER BY findings.id DESC;

-- findings_of_ids: Select findings of a sample by their ids.
SELECT findings.*, users.soeid AS user_soeid, 1 AS entries,
       CASE WHEN findings.id <= jobs.output_summary ->> '$.continues.last_finding_id'
            THEN jobs.output_summary ->> '$.continues.job_id' END AS from_job_id
FROM findings JOIN users ON users.id = findings.user_id JOIN jobs ON jobs.id = findings.job_id
WHERE job_id = :job_id AND findings.id IN (SELECT value FROM json_each(:ids));

-- list_findings: List all findings of a sample or of a row, newest first.
SELECT findings.*, users.soeid AS user_soeid, 1 AS entries,
       CASE WHEN findings.id <= jobs.output_summary ->> '$.continues.last_finding_id'
            THEN jobs.output_summary ->> '$.continues.job_id' END AS from_job_id
FROM findings JOIN users ON users.id = findings.user_id JOIN jobs ON jobs.id = findings.job_id
WHERE job_id = :job_id AND {rows}
ORDER BY findings.id DESC;

-- carry_findings: Copy the findings about some rows of another sample, corrections included.
INSERT INTO findings (job_id, row_id, outcome, audit_value, note, deviations, cause, cause_text,
                      user_id, at, reading, answers)
SELECT :job_id, row_id, outcome, audit_value, note, deviations, cause, cause_text, user_id, at,
       reading, answers
FROM findings
WHERE job_id = :from_job_id AND row_id IN (SELECT value FROM json_each(:rows))
ORDER BY id;

-- carry_attributes: Copy the tested attributes of another sample.
INSERT INTO tested_attributes (job_id, position, name, user_id)
SELECT :job_id, position, name, user_id FROM tested_attributes WHERE job_id = :from_job_id;

-- carry_paper_facts: Copy the newest facts of another sample's paper, but its number and design; in
-- an engagement none that the engagement states.
INSERT INTO paper_facts (job_id, body, user_id, at)
SELECT :job_id, carried, user_id, at
FROM (SELECT user_id, at,
             CASE WHEN EXISTS (SELECT 1 FROM engagement_samples
                               WHERE engagement_samples.job_id = :job_id)
                  THEN json_remove(body, '$.design_reason', '$.paper_number', '$.client_name',
                                   '$.period', '$.preparer', '$.preparer_role', '$.reviewer',
                                   '$.reviewer_role')
                  ELSE json_remove(body, '$.design_reason', '$.paper_number') END AS carried
      FROM paper_facts WHERE job_id = :from_job_id ORDER BY id DESC LIMIT 1)
WHERE carried <> json_object();

-- carry_attachments: Copy the attachments of the rows whose findings were copied, removed ones too.
INSERT INTO attachments (job_id, dataset_id, row_id, file_name, media_type, note, sha256,
                         size_bytes, user_id, at, from_job_id, removed_at, removed_by,
                         removal_reason)
SELECT :job_id, dataset_id, row_id, file_name, media_type, note, sha256, size_bytes, user_id, at,
       job_id, removed_at, removed_by, removal_reason
FROM attachments
WHERE job_id = :from_job_id AND row_id IN (SELECT row_id FROM findings WHERE job_id = :job_id)
ORDER BY id;

-- insert_attachment: Attach a file to a row, or without one to the sample.
INSERT INTO attachments (job_id, dataset_id, row_id, file_name, media_type, note, sha256,
                         size_bytes, user_id, at)
VALUES (:job_id, :dataset_id, :row_id, :file_name, :media_type, :note, :sha256, :size_bytes,
        :user_id, :at)
RETURNING id;

-- remove_attachment: Remove an attachment, unless it is removed.
UPDATE attachments SET removed_at = :at, removed_by = :user_id, removal_reason = :reason
WHERE job_id = :job_id AND id = :id AND removed_at IS NULL
RETURNING id;

-- list_attachments: List the attachments of a sample that a condition selects, oldest first.
SELECT attachments.*, users.soeid AS user_soeid, removers.soeid AS removed_by_soeid
FROM attachments JOIN users ON users.id = user_id
LEFT JOIN users AS removers ON removers.id = removed_by
WHERE job_id = :job_id AND {rows}
ORDER BY attachments.id;

-- size_of_attachments: Count the attachments of a sample, removed ones too; sum the bytes of their
-- files, each once.
SELECT coalesce(sum(files), 0) AS attachments, coalesce(sum(size_bytes), 0) AS bytes FROM (
    SELECT count(*) AS files, size_bytes FROM attachments WHERE job_id = :job_id
    GROUP BY sha256, size_bytes
);

-- carry_questions: Copy the questions of another sample.
INSERT INTO review_questions (job_id, body, user_id, at)
SELECT :job_id, body, user_id, at FROM review_questions WHERE job_id = :from_job_id;

-- count_findings: Count the rows of a sample that have a finding; last_id is the newest entry.
SELECT count(DISTINCT row_id) AS rows, max(id) AS last_id FROM findings WHERE job_id = :job_id;

-- examined_samples: Select the other samples of a table that have findings, newest draw first.
WITH RECURSIVE examined (job_id) AS (
    SELECT min(job_id) FROM findings
    UNION ALL
    SELECT (SELECT min(job_id) FROM findings WHERE job_id > examined.job_id) FROM examined
    WHERE examined.job_id IS NOT NULL
)
SELECT jobs.id FROM examined JOIN jobs ON jobs.id = examined.job_id
WHERE jobs.dataset_id = :dataset_id AND jobs.id <> :job_id
  AND jobs.run_parameters ->> '$.table_key' = :table_key
ORDER BY jobs.seq DESC;

-- samples_of_table: Select the newest other samples of a table.
SELECT jobs.id FROM jobs
WHERE jobs.dataset_id = :dataset_id AND jobs.id <> :job_id
  AND jobs.run_type = 'sampling' AND jobs.status = 'completed'
  AND jobs.run_parameters ->> '$.table_key' = :table_key
ORDER BY jobs.seq DESC LIMIT :limit;

-- asked_samples: Select the other samples of a table with questions and no finding, newest first.
SELECT jobs.id FROM review_questions JOIN jobs ON jobs.id = review_questions.job_id
WHERE jobs.dataset_id = :dataset_id AND jobs.id <> :job_id
  AND jobs.run_parameters ->> '$.table_key' = :table_key
  AND NOT EXISTS (SELECT 1 FROM findings WHERE findings.job_id = jobs.id)
ORDER BY jobs.seq DESC;

-- questions_of_job: Select what the reviewers of a sample are asked.
SELECT body FROM review_questions WHERE job_id = :job_id;

-- put_questions: Set what the reviewers of a sample are asked.
INSERT INTO review_questions (job_id, body, user_id, at) VALUES (:job_id, :body, :user_id, :at)
ON CONFLICT (job_id) DO UPDATE SET body = :body, user_id = :user_id, at = :at;

-- insert_reviewer: Insert a reviewer of a sample; no row if the user is one.
INSERT INTO reviewers (job_id, user_id, granted_by, at) VALUES (:job_id, :user_id, :granted_by, :at)
ON CONFLICT DO NOTHING
RETURNING user_id;

-- delete_reviewer: Delete a reviewer of a sample.
DELETE FROM reviewers WHERE job_id = :job_id AND user_id = :user_id RETURNING user_id;

-- delete_reviewers_of_user: Delete a user from the reviewers of all samples.
DELETE FROM reviewers WHERE user_id = :user_id;

-- list_reviewers: List the reviewers of a sample by name.
SELECT reviewers.user_id, users.soeid, givers.soeid AS granted_by, reviewers.at
FROM reviewers JOIN users ON users.id = reviewers.user_id
     JOIN users AS givers ON givers.id = reviewers.granted_by
WHERE job_id = :job_id
ORDER BY users.soeid COLLATE NOCASE, reviewers.user_id;

-- reviewed_job: Select a sample that a user is a reviewer of, by digits of its id.
SELECT jobs.id FROM reviewers JOIN jobs ON jobs.id = reviewers.job_id
     JOIN datasets ON datasets.id = jobs.dataset_id
WHERE reviewers.user_id = :user_id AND substr(jobs.id, 1, length(:digits)) = :digits
  AND datasets.removed_at IS NULL
  AND EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
              AND refs.commit_id = jobs.output_commit_id);

-- list_queues: List the samples with questions or reviewers that a user can answer, newest first.
SELECT jobs.id FROM jobs JOIN datasets ON datasets.id = jobs.dataset_id
WHERE jobs.id IN (SELECT job_id FROM review_questions UNION SELECT job_id FROM reviewers)
  AND datasets.removed_at IS NULL
  AND EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
              AND refs.commit_id = jobs.output_commit_id)
  AND (EXISTS (SELECT 1 FROM reviewers WHERE job_id = jobs.id AND user_id = :user_id)
       OR (:may_write AND (:sees_all OR jobs.dataset_id IN
           (SELECT dataset_id FROM dataset_access WHERE user_id = :user_id AND level <> 'read'))))
ORDER BY jobs.seq DESC;

-- queued_jobs: Select which of some samples have questions or reviewers.
SELECT job_id FROM review_questions WHERE job_id IN (SELECT value FROM json_each(:jobs))
UNION
SELECT job_id FROM reviewers WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- list_reservations: List the reservations of a sample that haven't ended, and a user's own.
SELECT row_id, reading, user_id, until FROM reservations
WHERE job_id = :job_id AND (until > :now OR user_id = :user_id)
ORDER BY until, user_id;

-- put_reservation: Reserve a row for a user, who has one in a sample.
INSERT INTO reservations (job_id, row_id, reading, user_id, until)
VALUES (:job_id, :row_id, :reading, :user_id, :until)
ON CONFLICT (job_id, user_id) DO UPDATE
SET row_id = :row_id, reading = :reading, until = :until;

-- end_reservations: Delete the reservations of a row that ended, except a user's own.
DELETE FROM reservations
WHERE job_id = :job_id AND row_id = :row_id AND reading = :reading AND until <= :now
  AND user_id <> :user_id;

-- delete_reservation: Delete a user's reservation in a sample.
DELETE FROM reservations WHERE job_id = :job_id AND user_id = :user_id RETURNING row_id;

-- delete_reservations_of_user: Delete a user's reservations in all samples.
DELETE FROM reservations WHERE user_id = :user_id;

-- insert_replacement: Insert the replacement of a row.
INSERT INTO replacements (job_id, row_id, replacement_id, reason, user_id, at)
VALUES (:job_id, :row_id, :replacement_id, :reason, :user_id, :at)
ON CONFLICT DO NOTHING
RETURNING id;

-- list_replacements: List the replacements of a sample, oldest first.
SELECT replacements.*, users.soeid AS user_soeid
FROM replacements JOIN users ON users.id = replacements.user_id
WHERE job_id = :job_id
ORDER BY replacements.id;

-- insert_review: Insert an entry of a sample's review.
INSERT INTO reviews (job_id, action, note, user_id, at, evaluation)
VALUES (:job_id, :action, :note, :user_id, :at, :evaluation)
RETURNING id;

-- list_reviews: List the entries of a sample's review, oldest first.
SELECT reviews.*, users.soeid AS user_soeid
FROM reviews JOIN users ON users.id = reviews.user_id
WHERE job_id = :job_id
ORDER BY reviews.id;

-- preparers: Select who prepared a sample.
SELECT id, soeid FROM users
WHERE id IN (SELECT user_id FROM sample_preparers WHERE job_id = :job_id)
ORDER BY soeid;

-- progress_of_jobs: Select how far the examination of some samples is.
SELECT * FROM sample_progress WHERE job_id IN (SELECT value FROM json_each(:jobs));

-- waiting_samples: Select the newest samples that a condition selects and that a user may write. In an
-- engagement, which is neither sealed nor archived, the user has one of some roles.
SELECT sample_progress.* FROM sample_progress JOIN jobs ON jobs.seq = job_seq
    JOIN datasets ON datasets.id = jobs.dataset_id
    LEFT JOIN engagement_samples AS assigned ON assigned.job_id = sample_progress.job_id
    LEFT JOIN engagements ON engagements.id = assigned.engagement_id
    LEFT JOIN engagement_members AS member
        ON member.engagement_id = assigned.engagement_id AND member.user_id = :user_id
WHERE {condition} AND job_seq < :before
  AND datasets.removed_at IS NULL AND engagements.seal IS NULL
  AND (assigned.job_id IS NULL
       OR member.role IN (SELECT value FROM json_each(:roles))
          AND assigned.engagement_id NOT IN (SELECT engagement_id FROM hidden_engagements))
  AND EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
              AND refs.commit_id = jobs.output_commit_id)
  AND (:sees_all OR jobs.dataset_id IN
       (SELECT dataset_id FROM dataset_access WHERE user_id = :user_id AND level <> 'read'))
ORDER BY job_seq DESC LIMIT :limit;

-- engagements_with_combined_papers: Select the newest open engagements in which a user has one of some
-- roles, and of whose samples there are papers on several together.
SELECT DISTINCT engagements.id
FROM engagement_members JOIN engagements ON engagements.id = engagement_members.engagement_id
     JOIN engagement_samples ON engagement_samples.engagement_id = engagements.id
     JOIN combined_paper_samples USING (job_id)
WHERE engagement_members.user_id = :user_id AND role IN (SELECT value FROM json_each(:roles))
  AND seal IS NULL AND engagements.id < :before
  AND engagements.id NOT IN (SELECT engagement_id FROM hidden_engagements)
ORDER BY engagements.id DESC LIMIT :limit;

-- approved_engagements: Select the newest open engagements of a partner who prepared none of their
-- samples, all of which are approved; failed draws and deleted samples don't count.
SELECT engagements.id FROM engagement_members JOIN engagements ON engagements.id = engagement_id
WHERE engagement_members.user_id = :user_id AND role IN (SELECT value FROM json_each(:roles))
  AND seal IS NULL AND engagements.id < :before
  AND engagements.id NOT IN (SELECT engagement_id FROM hidden_engagements)
  AND EXISTS (SELECT 1 FROM engagement_samples JOIN sample_progress USING (job_id)
              WHERE engagement_id = engagements.id AND last_action = 'approved')
  AND NOT EXISTS (SELECT 1 FROM engagement_samples JOIN sample_progress USING (job_id)
                  JOIN jobs ON jobs.seq = job_seq
                  WHERE engagement_id = engagements.id AND last_action <> 'approved'
                    AND (status IN ('pending', 'running')
                         OR EXISTS (SELECT 1 FROM refs WHERE refs.dataset_id = jobs.dataset_id
                                    AND refs.commit_id = jobs.output_commit_id)))
  AND NOT EXISTS (SELECT 1 FROM engagement_samples JOIN sample_preparers AS own USING (job_id)
                  WHERE engagement_id = engagements.id AND own.user_id = :user_id)
ORDER BY engagements.id DESC LIMIT :limit;

-- signed_off_jobs: Select the jobs of a dataset whose samples are signed off or approved and weren't
-- pruned.
SELECT jobs.id FROM reviews JOIN jobs ON jobs.id = reviews.job_id
WHERE reviews.action IN ('signed_off', 'approved') AND jobs.dataset_id = :dataset_id
  AND jobs.output_commit_id IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM reviews AS later
                  WHERE later.job_id = reviews.job_id AND later.id > reviews.id)
ORDER BY reviews.id;

-- insert_sample_values: Insert uploaded values with the sample's next number.
INSERT INTO sample_values (job_id, number, dataset_id, user_id, created_at, file_name,
                           upload_sha256, key_columns, columns, notes, sha256, rows, size_bytes)
SELECT :job_id, 1 + (SELECT coalesce(max(number), 0) FROM sample_values WHERE job_id = :job_id),
       :dataset_id, :user_id, :created_at, :file_name, :upload_sha256, :key_columns, :columns,
       :notes, :sha256, :rows, :size_bytes
RETURNING number;

-- list_sample_values: List the uploaded values of a sample, newest first.
SELECT sample_values.*, soeid AS user_soeid
FROM sample_values JOIN users ON users.id = user_id WHERE job_id = :job_id ORDER BY number DESC;

-- insert_row_root: Insert the row root of a table.
INSERT INTO row_roots (dataset_id, commit_id, table_key, rows, root, secret, nodes, built_at)
VALUES (:dataset_id, :commit_id, :table_key, :rows, :root, :secret, :nodes, :built_at);

-- row_root: Select the row root of a table.
SELECT * FROM row_roots
WHERE dataset_id = :dataset_id AND commit_id = :commit_id AND table_key = :table_key;

-- list_signing_keys: List the public keys of certificates, the current one first.
SELECT key_id, public_key, created_at, retired_at FROM signing_keys
ORDER BY retired_at IS NOT NULL, created_at DESC, key_id;

-- retire_signing_keys: Retire every other key than this one.
UPDATE signing_keys SET retired_at = :retired_at WHERE key_id <> :key_id AND retired_at IS NULL;

-- put_signing_key: Make a key the current one. A key whose file was restored is current again.
INSERT INTO signing_keys (key_id, public_key, created_at)
VALUES (:key_id, :public_key, :created_at)
ON CONFLICT (key_id) DO UPDATE SET retired_at = NULL WHERE retired_at IS NOT NULL;

-- last_ledger_entry: Return the number and the digest of a dataset's last ledger entry.
SELECT number, digest FROM ledger_entries WHERE dataset_id = :dataset_id
ORDER BY number DESC LIMIT 1;

-- insert_ledger_entry: Append a ledger entry.
INSERT INTO ledger_entries
    (dataset_id, number, kind, recorded_at, actor, body, previous_digest, digest)
VALUES (:dataset_id, :number, :kind, :recorded_at, :actor, :body, :previous_digest, :digest);

-- list_ledger: List a dataset's ledger, newest entry first.
SELECT * FROM ledger_entries WHERE dataset_id = :dataset_id ORDER BY number DESC;

-- whole_ledger: Return a dataset's ledger in its order.
SELECT * FROM ledger_entries WHERE dataset_id = :dataset_id ORDER BY number;

-- all_ledgers: Return the ledgers of all datasets, for a check.
SELECT * FROM ledger_entries ORDER BY dataset_id, number;

-- unrecorded_replacements: Find the replacements without a ledger entry, but those from before the
-- ledger. An ordinal is the digits at the end of a row's id.
SELECT replacements.job_id, row_id, replacement_id
FROM replacements
JOIN jobs ON jobs.id = replacements.job_id
JOIN users ON users.id = replacements.user_id
JOIN ledger_entries AS first ON first.dataset_id = jobs.dataset_id AND first.number = 1
WHERE replacements.at >= first.recorded_at AND NOT EXISTS (
    SELECT 1 FROM ledger_entries AS entry
    WHERE entry.dataset_id = jobs.dataset_id
        AND entry.body ->> '$.job_id' = replacements.job_id
        AND entry.kind = 'replacement'
        AND entry.actor = users.soeid
        AND entry.body ->> '$.reason' = reason
        AND entry.body ->> '$.ordinal_out'
            = CAST(substr(row_id, length(rtrim(row_id, '0123456789')) + 1) AS INTEGER)
        AND entry.body ->> '$.ordinal_in'
            = CAST(substr(replacement_id, length(rtrim(replacement_id, '0123456789')) + 1) AS INTEGER)
)
ORDER BY replacements.id;

-- missing_replacements: Find the ledger entries of replacements that aren't stored, of jobs that
-- weren't pruned.
SELECT entry.dataset_id, entry.number, jobs.id AS job_id
FROM ledger_entries AS entry
JOIN jobs ON jobs.id = entry.body ->> '$.job_id'
WHERE entry.kind = 'replacement' AND NOT EXISTS (
    SELECT 1 FROM replacements
    JOIN users ON users.id = replacements.user_id
    WHERE replacements.job_id = jobs.id
        AND entry.dataset_id = jobs.dataset_id
        AND entry.actor = users.soeid
        AND entry.body ->> '$.reason' = reason
        AND entry.body ->> '$.ordinal_out'
            = CAST(substr(row_id, length(rtrim(row_id, '0123456789')) + 1) AS INTEGER)
        AND entry.body ->> '$.ordinal_in'
            = CAST(substr(replacement_id, length(rtrim(replacement_id, '0123456789')) + 1) AS INTEGER)
)
ORDER BY entry.dataset_id, entry.number;

-- ledger_entry_of_draw: Return the last ledger entry of a job's draw.
SELECT * FROM ledger_entries
WHERE dataset_id = :dataset_id AND body ->> '$.job_id' = :job_id AND kind = 'draw'
ORDER BY number DESC LIMIT 1;

-- count_registrations: Count how often a dataset has a plan of this digest.
SELECT count(*) FROM ledger_entries
WHERE dataset_id = :dataset_id AND kind = 'plan' AND body ->> '$.digest' = :digest;

-- count_unrecorded_draws: Count a dataset's finished draws without a ledger entry.
SELECT count(*) FROM jobs
WHERE dataset_id = :dataset_id AND run_type = 'sampling' AND status = 'completed'
    AND NOT EXISTS (
        SELECT 1 FROM ledger_entries AS entry
        WHERE entry.dataset_id = jobs.dataset_id AND entry.body ->> '$.job_id' = jobs.id
            AND entry.kind = 'draw'
    );

-- list_certificates: List the certificates of a sample, newest first, without their payloads.
SELECT issue, issued_at, replacements, payload_sha256 FROM certificates
WHERE job_id = :job_id ORDER BY issue DESC;

-- all_certificates: Return all certificates, for a check.
SELECT 'certificate' AS kind, job_id, issue, payload, payload_sha256 FROM certificates
UNION ALL
SELECT 'evaluation certificate', job_id, issue, payload, payload_sha256
FROM evaluation_certificates;

-- evaluation_stamp: Return numbers that change with the records of a sample's evaluation.
SELECT (SELECT count(*) FROM findings WHERE job_id = :job_id),
       (SELECT count(*) FROM replacements WHERE job_id = :job_id),
       (SELECT max(id) FROM reviews WHERE job_id = :job_id),
       (SELECT max(id) FROM audit_conclusions WHERE job_id = :job_id),
       (SELECT count(*) FROM issued_papers WHERE job_id = :job_id),
       (SELECT count(*) FROM attachments WHERE job_id = :job_id),
       (SELECT count(removed_at) FROM attachments WHERE job_id = :job_id),
       (SELECT max(id) FROM reconciliations WHERE dataset_id = :dataset_id
                                              AND commit_id = :commit_id
                                              AND table_key = :table_key),
       (SELECT count(*) FROM evaluation_certificates WHERE job_id = :job_id);

-- list_evaluation_certificates: List a sample's certificates of its evaluation, newest first.
SELECT issue, issued_at, review_state, content_sha256, payload_sha256 FROM evaluation_certificates
WHERE job_id = :job_id ORDER BY issue DESC;

-- evaluation_certificate_payload: Return the payload of a certificate of an evaluation.
SELECT payload FROM evaluation_certificates WHERE job_id = :job_id AND issue = :issue;

-- insert_evaluation_certificate: Insert an issued certificate of an evaluation.
INSERT INTO evaluation_certificates
    (job_id, issue, issued_at, review_state, content_sha256, payload, payload_sha256)
VALUES (:job_id, :issue, :issued_at, :review_state, :content_sha256, :payload, :payload_sha256);

-- ledger_entries_about: List the ledger entries of a kind about a job, in their order.
SELECT * FROM ledger_entries
WHERE dataset_id = :dataset_id AND body ->> '$.job_id' = :job_id AND kind = :kind
ORDER BY number;

-- certificate_payload: Return the payload of a certificate.
SELECT payload FROM certificates WHERE job_id = :job_id AND issue = :issue;

-- insert_certificate: Insert an issued certificate.
INSERT INTO certificates (job_id, issue, issued_at, replacements, payload, payload_sha256)
VALUES (:job_id, :issue, :issued_at, :replacements, :payload, :payload_sha256);

-- ledger_entry_of_plan: Return the ledger entry of a plan.
SELECT * FROM ledger_entries
WHERE kind = 'plan' AND body ->> '$.plan_id' = :plan_id AND dataset_id = :dataset_id;

-- list_plan_entries: List the ledger entries of a dataset's plans, newest first.
SELECT * FROM ledger_entries
WHERE dataset_id = :dataset_id AND kind = 'plan' ORDER BY number DESC;

-- count_draws_of_plans: Count the registrations and draws of some plans by their digests.
SELECT
    digest,
    count(*) FILTER (WHERE kind = 'plan') AS registrations,
    count(*) FILTER (WHERE kind = 'draw') AS draws
FROM (
    SELECT kind, iif(kind = 'plan', body ->> '$.digest', body ->> '$.plan_digest') AS digest
    FROM ledger_entries
    WHERE dataset_id = :dataset_id AND kind IN ('plan', 'draw')
)
WHERE digest IN (SELECT value FROM json_each(:digests))
GROUP BY digest;
