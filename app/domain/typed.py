"""Numbers as people type them: with a Japanese keyboard the digits, the point and the sign may be of full width."""

_WIDE = {place + 0xFEE0: chr(place) for place in range(0x21, 0x7F)}  # the ASCII signs of full width, and no others
# What the keys of the point and the minus give while Japanese is typed, and the minus of typography.
_SIGNS = {ord("。"): ".", ord("ー"): "-", ord("−"): "-"}


def number_text(text: str) -> str:
    """``text`` with digits and signs of plain width: ``１２．５`` becomes ``12.5``. Only for what holds numbers."""
    return text.translate(_WIDE | _SIGNS).strip()
