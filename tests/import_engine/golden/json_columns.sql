read_json(?, format = 'newline_delimited', compression = 'none', map_inference_threshold = -1, columns = {'a': 'JSON', 'it''s': 'VARCHAR'}, records = true)
CAST("a" AS VARCHAR)
"it's"
