((NOT (s."age" IN (CAST(? AS INTEGER), CAST(? AS INTEGER)))) OR (CAST(s."size" AS VARCHAR) IN (?, ?)) OR (s."tiny" IS NULL AND CAST(NULL AS BOOLEAN)))
-- [1, 3, 'small', 'large']
