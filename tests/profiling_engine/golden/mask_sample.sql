CREATE OR REPLACE TEMP TABLE masked AS SELECT CASE WHEN length(v) <= 32 THEN regexp_replace(regexp_replace(regexp_replace(v, '[\p{Lu}\p{Lt}]', 'A', 'g'), '[\p{Ll}\p{Lm}\p{Lo}]', 'a', 'g'), '\p{Nd}', '9', 'g') END AS v,
    coalesce(length(v) > 32, false) AS long, block
FROM sampled
-- bound: []
