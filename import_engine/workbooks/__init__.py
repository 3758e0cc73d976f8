"""XLSX workbooks, read in a child process with limits.

fastexcel's parser aborts its process when memory runs out, and a small file can request any amount.
"""
