"""The jobs of the workflow, from their images to their rows."""
