"""Keeps and proves evidence, and never interprets it."""
