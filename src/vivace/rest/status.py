"""HTTP status codes by name, and questions about them, as in `rest_framework.status`."""

from __future__ import annotations

from vivace.web.status import (
    HTTP_100_CONTINUE as HTTP_100_CONTINUE,
)
from vivace.web.status import (
    HTTP_101_SWITCHING_PROTOCOLS as HTTP_101_SWITCHING_PROTOCOLS,
)
from vivace.web.status import (
    HTTP_102_PROCESSING as HTTP_102_PROCESSING,
)
from vivace.web.status import (
    HTTP_103_EARLY_HINTS as HTTP_103_EARLY_HINTS,
)
from vivace.web.status import (
    HTTP_200_OK as HTTP_200_OK,
)
from vivace.web.status import (
    HTTP_201_CREATED as HTTP_201_CREATED,
)
from vivace.web.status import (
    HTTP_202_ACCEPTED as HTTP_202_ACCEPTED,
)
from vivace.web.status import (
    HTTP_203_NON_AUTHORITATIVE_INFORMATION as HTTP_203_NON_AUTHORITATIVE_INFORMATION,
)
from vivace.web.status import (
    HTTP_204_NO_CONTENT as HTTP_204_NO_CONTENT,
)
from vivace.web.status import (
    HTTP_205_RESET_CONTENT as HTTP_205_RESET_CONTENT,
)
from vivace.web.status import (
    HTTP_206_PARTIAL_CONTENT as HTTP_206_PARTIAL_CONTENT,
)
from vivace.web.status import (
    HTTP_207_MULTI_STATUS as HTTP_207_MULTI_STATUS,
)
from vivace.web.status import (
    HTTP_208_ALREADY_REPORTED as HTTP_208_ALREADY_REPORTED,
)
from vivace.web.status import (
    HTTP_226_IM_USED as HTTP_226_IM_USED,
)
from vivace.web.status import (
    HTTP_300_MULTIPLE_CHOICES as HTTP_300_MULTIPLE_CHOICES,
)
from vivace.web.status import (
    HTTP_301_MOVED_PERMANENTLY as HTTP_301_MOVED_PERMANENTLY,
)
from vivace.web.status import (
    HTTP_302_FOUND as HTTP_302_FOUND,
)
from vivace.web.status import (
    HTTP_303_SEE_OTHER as HTTP_303_SEE_OTHER,
)
from vivace.web.status import (
    HTTP_304_NOT_MODIFIED as HTTP_304_NOT_MODIFIED,
)
from vivace.web.status import (
    HTTP_305_USE_PROXY as HTTP_305_USE_PROXY,
)
from vivace.web.status import (
    HTTP_306_RESERVED as HTTP_306_RESERVED,
)
from vivace.web.status import (
    HTTP_307_TEMPORARY_REDIRECT as HTTP_307_TEMPORARY_REDIRECT,
)
from vivace.web.status import (
    HTTP_308_PERMANENT_REDIRECT as HTTP_308_PERMANENT_REDIRECT,
)
from vivace.web.status import (
    HTTP_400_BAD_REQUEST as HTTP_400_BAD_REQUEST,
)
from vivace.web.status import (
    HTTP_401_UNAUTHORIZED as HTTP_401_UNAUTHORIZED,
)
from vivace.web.status import (
    HTTP_402_PAYMENT_REQUIRED as HTTP_402_PAYMENT_REQUIRED,
)
from vivace.web.status import (
    HTTP_403_FORBIDDEN as HTTP_403_FORBIDDEN,
)
from vivace.web.status import (
    HTTP_404_NOT_FOUND as HTTP_404_NOT_FOUND,
)
from vivace.web.status import (
    HTTP_405_METHOD_NOT_ALLOWED as HTTP_405_METHOD_NOT_ALLOWED,
)
from vivace.web.status import (
    HTTP_406_NOT_ACCEPTABLE as HTTP_406_NOT_ACCEPTABLE,
)
from vivace.web.status import (
    HTTP_407_PROXY_AUTHENTICATION_REQUIRED as HTTP_407_PROXY_AUTHENTICATION_REQUIRED,
)
from vivace.web.status import (
    HTTP_408_REQUEST_TIMEOUT as HTTP_408_REQUEST_TIMEOUT,
)
from vivace.web.status import (
    HTTP_409_CONFLICT as HTTP_409_CONFLICT,
)
from vivace.web.status import (
    HTTP_410_GONE as HTTP_410_GONE,
)
from vivace.web.status import (
    HTTP_411_LENGTH_REQUIRED as HTTP_411_LENGTH_REQUIRED,
)
from vivace.web.status import (
    HTTP_412_PRECONDITION_FAILED as HTTP_412_PRECONDITION_FAILED,
)
from vivace.web.status import (
    HTTP_413_CONTENT_TOO_LARGE as HTTP_413_CONTENT_TOO_LARGE,
)
from vivace.web.status import (
    HTTP_414_URI_TOO_LONG as HTTP_414_URI_TOO_LONG,
)
from vivace.web.status import (
    HTTP_415_UNSUPPORTED_MEDIA_TYPE as HTTP_415_UNSUPPORTED_MEDIA_TYPE,
)
from vivace.web.status import (
    HTTP_416_RANGE_NOT_SATISFIABLE as HTTP_416_RANGE_NOT_SATISFIABLE,
)
from vivace.web.status import (
    HTTP_417_EXPECTATION_FAILED as HTTP_417_EXPECTATION_FAILED,
)
from vivace.web.status import (
    HTTP_418_IM_A_TEAPOT as HTTP_418_IM_A_TEAPOT,
)
from vivace.web.status import (
    HTTP_421_MISDIRECTED_REQUEST as HTTP_421_MISDIRECTED_REQUEST,
)
from vivace.web.status import (
    HTTP_422_UNPROCESSABLE_CONTENT as HTTP_422_UNPROCESSABLE_CONTENT,
)
from vivace.web.status import (
    HTTP_423_LOCKED as HTTP_423_LOCKED,
)
from vivace.web.status import (
    HTTP_424_FAILED_DEPENDENCY as HTTP_424_FAILED_DEPENDENCY,
)
from vivace.web.status import (
    HTTP_425_TOO_EARLY as HTTP_425_TOO_EARLY,
)
from vivace.web.status import (
    HTTP_426_UPGRADE_REQUIRED as HTTP_426_UPGRADE_REQUIRED,
)
from vivace.web.status import (
    HTTP_428_PRECONDITION_REQUIRED as HTTP_428_PRECONDITION_REQUIRED,
)
from vivace.web.status import (
    HTTP_429_TOO_MANY_REQUESTS as HTTP_429_TOO_MANY_REQUESTS,
)
from vivace.web.status import (
    HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE as HTTP_431_REQUEST_HEADER_FIELDS_TOO_LARGE,
)
from vivace.web.status import (
    HTTP_451_UNAVAILABLE_FOR_LEGAL_REASONS as HTTP_451_UNAVAILABLE_FOR_LEGAL_REASONS,
)
from vivace.web.status import (
    HTTP_500_INTERNAL_SERVER_ERROR as HTTP_500_INTERNAL_SERVER_ERROR,
)
from vivace.web.status import (
    HTTP_501_NOT_IMPLEMENTED as HTTP_501_NOT_IMPLEMENTED,
)
from vivace.web.status import (
    HTTP_502_BAD_GATEWAY as HTTP_502_BAD_GATEWAY,
)
from vivace.web.status import (
    HTTP_503_SERVICE_UNAVAILABLE as HTTP_503_SERVICE_UNAVAILABLE,
)
from vivace.web.status import (
    HTTP_504_GATEWAY_TIMEOUT as HTTP_504_GATEWAY_TIMEOUT,
)
from vivace.web.status import (
    HTTP_505_HTTP_VERSION_NOT_SUPPORTED as HTTP_505_HTTP_VERSION_NOT_SUPPORTED,
)
from vivace.web.status import (
    HTTP_506_VARIANT_ALSO_NEGOTIATES as HTTP_506_VARIANT_ALSO_NEGOTIATES,
)
from vivace.web.status import (
    HTTP_507_INSUFFICIENT_STORAGE as HTTP_507_INSUFFICIENT_STORAGE,
)
from vivace.web.status import (
    HTTP_508_LOOP_DETECTED as HTTP_508_LOOP_DETECTED,
)
from vivace.web.status import (
    HTTP_510_NOT_EXTENDED as HTTP_510_NOT_EXTENDED,
)
from vivace.web.status import (
    HTTP_511_NETWORK_AUTHENTICATION_REQUIRED as HTTP_511_NETWORK_AUTHENTICATION_REQUIRED,
)


def is_informational(code: int) -> bool:
    """Whether `code` is 1xx."""
    return 100 <= code <= 199


def is_success(code: int) -> bool:
    """Whether `code` is 2xx."""
    return 200 <= code <= 299


def is_redirect(code: int) -> bool:
    """Whether `code` is 3xx."""
    return 300 <= code <= 399


def is_client_error(code: int) -> bool:
    """Whether `code` is 4xx."""
    return 400 <= code <= 499


def is_server_error(code: int) -> bool:
    """Whether `code` is 5xx."""
    return 500 <= code <= 599
