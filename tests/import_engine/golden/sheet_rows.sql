SELECT c0 AS "a", CASE WHEN TRY_CAST(c1 AS DOUBLE) <> n1 THEN CAST(n1 AS VARCHAR) ELSE c1 END AS "b" FROM sheet_cells AS cells(c0, c1) POSITIONAL JOIN sheet_numbers AS numbers(n1)
