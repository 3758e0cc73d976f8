SELECT count(*),
    coalesce(count_if(x IS NOT NULL), 0),
    coalesce(count_if(x = 0), 0),
    coalesce(count_if(x < 0), 0),
    min(CASE WHEN x > 0 THEN x END),
    coalesce(sum(plain), 0),
    coalesce(sum(squared), 0),
    coalesce(sum(CAST(squared AS HUGEINT) * squared), 0),
    coalesce(sum(cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed), 0),
    coalesce(sum(CAST(cubed AS HUGEINT) * cubed * cubed), 0)
FROM (SELECT *, (x - (175)) AS plain, (x - (175)) AS squared, (x - (175)) AS cubed
FROM (SELECT *, CAST(v * 100 AS BIGINT) AS x
FROM (SELECT f."price" AS v
FROM read_parquet(?) AS f)))
-- bound: [['file 0', 'file 1']]
