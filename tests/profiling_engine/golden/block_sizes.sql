SELECT block, count(*)
FROM sampled
GROUP BY block
-- bound: []
