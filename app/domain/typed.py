"""Numbers as people type them: with a Japanese keyboard the digits, the point and the sign may be of full width."""

import unicodedata

# What the keys of the point and the minus give while Japanese is typed, and the minus of typography.
_SIGNS = str.maketrans({"。": ".", "ー": "-", "−": "-"})


def number_text(text: str) -> str:
    """``text`` with digits and signs of plain width: ``１２．５`` becomes ``12.5``. Only for what holds numbers."""
    return unicodedata.normalize("NFKC", text).translate(_SIGNS).strip()
