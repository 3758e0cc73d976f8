WITH top AS (SELECT v, count(*) AS n
FROM sampled
WHERE v IS NOT NULL
GROUP BY v HAVING count(*) > 1
ORDER BY n DESC, v LIMIT 10) SELECT CAST(t.v AS VARCHAR), s.block, count(*)
FROM sampled AS s
JOIN top AS t ON t.v = s.v
GROUP BY t.v, t.n, s.block
ORDER BY t.n DESC, t.v, s.block
-- bound: []
