"""Parts of the documentation that are generated from the schema and from kept results."""
