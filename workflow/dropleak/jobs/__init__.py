"""What the jobs of the workflow do, from their images to their rows."""
