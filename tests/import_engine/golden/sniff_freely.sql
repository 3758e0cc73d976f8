SELECT Delimiter, Quote, Escape, HasHeader, len(Columns) FROM sniff_csv(?, strict_mode = true, null_padding = false, ignore_errors = false, compression = 'none', nullstr = ['', 'NA', 'NULL'])
