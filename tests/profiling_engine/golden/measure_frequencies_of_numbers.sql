SELECT CAST(coalesce(sum(n), 0) AS BIGINT), CAST(coalesce(sum(n) FILTER (WHERE x IS NOT NULL), 0) AS BIGINT), CAST(coalesce(sum(n) FILTER (WHERE x = 0), 0) AS BIGINT), CAST(coalesce(sum(n) FILTER (WHERE x < 0), 0) AS BIGINT),
    min(CASE WHEN x > 0 THEN x END),
    coalesce(sum(CAST(plain AS HUGEINT) * n), 0),
    coalesce(sum(CAST(squared AS HUGEINT) * n), 0),
    coalesce(sum(CAST(CAST(squared AS HUGEINT) * squared AS HUGEINT) * n), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * n), 0),
    coalesce(sum(CAST(CAST(cubed AS HUGEINT) * cubed AS HUGEINT) * n), 0),
    coalesce(sum(CAST(CAST(cubed AS HUGEINT) * cubed * cubed AS HUGEINT) * n), 0)
FROM (SELECT *, (x - (0)) AS plain, (x - (0)) AS squared, (((x - (0)) + 128) >> 8) AS cubed
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM frequencies))
-- bound: []
