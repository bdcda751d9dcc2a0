"""What every answer of the application must carry; the client of the whole suite asks for it (trust rule W6)."""

import httpx

PAGE_POLICY = "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
PICTURE_POLICY = "sandbox; default-src 'none'"


def check_answer(answer: httpx.Response) -> None:
    """Fail when an answer lacks a header that protects its reader."""
    headers, where = answer.headers, f"{answer.request.method} {answer.request.url}"
    assert headers.get("x-content-type-options") == "nosniff", where
    assert headers.get("referrer-policy") == "same-origin", where
    assert headers.get("cross-origin-opener-policy") == "same-origin", where
    assert headers.get("cross-origin-resource-policy") == "same-origin", where
    assert headers.get("content-security-policy") in (PAGE_POLICY, PICTURE_POLICY), where
    assert headers.get("cache-control"), where
    assert "server" not in headers, where
    kind = headers.get("content-type", "")
    if answer.status_code not in (204, 304) and not answer.has_redirect_location:
        assert kind, where
    if kind.startswith("text/"):
        assert "charset=utf-8" in kind, where
    if kind.startswith("text/html"):
        assert headers["cache-control"] == "no-store", where
        assert {"Accept-Language", "Cookie"} <= {name.strip() for name in headers.get("vary", "").split(",")}, where
        assert headers["content-security-policy"] == PAGE_POLICY, where
        assert (
            answer.text.lstrip().lower().startswith("<!doctype html>")
            or "hx-request" in answer.request.headers
            or answer.request.method == "HEAD"
        ), where
    if kind.startswith("image/") and "/static/" not in answer.request.url.path:
        assert headers["content-security-policy"] == PICTURE_POLICY, where
        assert not kind.startswith("image/svg"), where
    if answer.has_redirect_location:
        assert headers["location"].startswith("/"), where
        assert not headers["location"].startswith(("//", "/\\")), where


def check_no_trace(answer: httpx.Response) -> None:
    """Fail when an answer shows what only the log may show."""
    for forbidden in ("Traceback", "sqlalchemy", "SELECT ", "site-packages", '.py"', "Errno"):
        assert forbidden not in answer.text, f"{forbidden} in {answer.request.url}"
