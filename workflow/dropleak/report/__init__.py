"""The report around tables and figures: captions, pages, methods paragraph, provenance."""
