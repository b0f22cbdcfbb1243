"""Parquet tables: their columns, writing them whole, reading them in parts."""
