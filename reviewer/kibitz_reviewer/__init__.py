"""Kibitz's reviewer: reads Python source without running it, finds problems, comments on changes."""
