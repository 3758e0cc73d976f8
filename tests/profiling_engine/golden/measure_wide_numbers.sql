SELECT count(*),
    coalesce(count_if(x IS NOT NULL), 0),
    coalesce(count_if(x = 0), 0),
    coalesce(count_if(x < 0), 0),
    min(CASE WHEN x > 0 THEN x END),
    coalesce(sum(plain >> 64), 0),
    coalesce(sum(plain & 18446744073709551615), 0),
    coalesce(sum(squared), 0),
    coalesce(sum(CAST(squared AS HUGEINT) * squared), 0),
    coalesce(sum(cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed * cubed), 0)
FROM (SELECT *, (CAST(x AS HUGEINT) - (0)) AS plain, CAST((((CAST(x AS HUGEINT) - (0)) + 4835703278458516698824704) >> 83) AS BIGINT) AS squared, CAST((((CAST(x AS HUGEINT) - (0)) + 158456325028528675187087900672) >> 98) AS BIGINT) AS cubed
FROM (SELECT *, CAST(replace(CAST(v AS VARCHAR), '.', '') AS HUGEINT) AS x
FROM (SELECT f."wide" AS v
FROM read_parquet(?) AS f)))
-- bound: [['file 0', 'file 1']]
