"""Parts of the documentation that are made from the schema and from kept results."""
