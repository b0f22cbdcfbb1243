"""Images: where they come from, and the tables that they become."""
