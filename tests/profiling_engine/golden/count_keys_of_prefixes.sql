SELECT k >> 0 AS p, CAST(coalesce(sum(n), 0) AS BIGINT),
    coalesce(sum(CAST(x AS HUGEINT) * n), 0)
FROM (SELECT *, x AS k
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM frequencies))
WHERE x IS NOT NULL AND (k >> 12) IN (?, ?)
GROUP BY p
ORDER BY p DESC
-- bound: [3, 70]
