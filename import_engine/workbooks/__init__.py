"""XLSX workbooks, which are read in a child process with limits.

The parser of fastexcel aborts its process where memory ends, and a small file can ask for any
amount of it. So the server never parses a workbook: ``importing`` starts a child for each one.
"""
