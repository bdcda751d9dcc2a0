"""Looks for every way in which rows, files and queue can contradict each other (``python -m app check``)."""
