"""The site: parsing, checks, schema and the example stacks."""
