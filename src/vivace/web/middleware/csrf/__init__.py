"""Protection against requests that another site makes in a visitor's name (names and behaviour as in Django).

`CSRFMiddleware` refuses unsafe requests and WebSockets that come from elsewhere, and unsafe requests without the token
of the visitor. `get_token(request)`, `{{ csrf_input }}` and `{{ csrf_token }}` give the token, `csrf_exempt` leaves a
handler out, `rotate_token(request)` belongs into every login.
"""

from vivace.web.middleware.csrf.middleware import CSRFError, CSRFMiddleware, csrf_exempt, ensure_csrf_cookie
from vivace.web.middleware.csrf.tokens import get_token, rotate_token

__all__ = ["CSRFError", "CSRFMiddleware", "csrf_exempt", "ensure_csrf_cookie", "get_token", "rotate_token"]
