"""Tests of jobsvc; the tests' process limits its threads as the command does."""

from operating_system import limit_blas_threads

limit_blas_threads()
