SELECT x, CASE WHEN isfinite(m) THEN replace(replace(CAST(m AS VARCHAR), ' ', 'T'), 'T(BC)T', ' (BC) ') || ':00' ELSE CAST(m AS VARCHAR) END
FROM (SELECT x, TRY(CAST(make_timestamp(x) AS TIMESTAMP WITH TIME ZONE)) AS m
FROM (SELECT unnest(?::BIGINT[]) AS x))
-- bound: [[0, 86400000000]]
