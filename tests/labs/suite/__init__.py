"""Counting and Bazel for tools/test."""
