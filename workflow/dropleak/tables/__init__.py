"""Parquet tables: their columns, atomic writing, reading in parts."""
