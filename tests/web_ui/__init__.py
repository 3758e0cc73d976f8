"""Tests of pages over HTTP, without scripts."""
