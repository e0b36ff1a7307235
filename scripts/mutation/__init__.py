"""Mutation runs over contracts: what is changed, and which tests must notice."""
