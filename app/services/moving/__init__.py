"""Moves an installation: from one database to another and from one store to another, with proof that all arrived."""
