((s."age" > CAST(? AS INTEGER)) AND (s."city" = ?) AND (s."rate" <= ?) AND (s."ratio" = CAST(? AS FLOAT)))
-- [18, 'New York', 0.5, 0.1]
