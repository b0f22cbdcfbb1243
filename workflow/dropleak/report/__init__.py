"""What goes beside tables and figures: captions, pages, the methods paragraph, provenance."""
