"""From an OpenAPI document to the schemas of the operation: load, fix, reduce, rewrite."""
