read_json(?, format = 'newline_delimited', compression = 'none', map_inference_threshold = -1, columns = {'json': 'JSON'}, records = false)
nullif(CAST(json_extract(json, '/a~1b') AS VARCHAR), 'null')
json_extract_string(json, '/A~1B')
json_extract_string(json, '/')
