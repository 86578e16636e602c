"""Kibitz's collector: receives profiles, stores and merges them, draws and judges them."""
