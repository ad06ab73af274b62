"""ClickHouse errors: code, name and text in the wording of the server, and their HTTP status."""

import re
from typing import Self

# Groups as in ClickHouse's own table from exception codes to HTTP status; every other error is a 500.
_NAMES_BY_STATUS = {
    400: """BAD_ARGUMENTS CANNOT_COMPILE_REGEXP CANNOT_PARSE_DATE CANNOT_PARSE_DATETIME
        CANNOT_PARSE_DOMAIN_VALUE_FROM_STRING CANNOT_PARSE_ESCAPE_SEQUENCE CANNOT_PARSE_INPUT_ASSERTION_FAILED
        CANNOT_PARSE_IPV4 CANNOT_PARSE_IPV6 CANNOT_PARSE_NUMBER CANNOT_PARSE_QUOTED_STRING CANNOT_PARSE_TEXT
        CANNOT_PARSE_UUID DUPLICATE_COLUMN ILLEGAL_COLUMN INCORRECT_DATA SYNTAX_ERROR THERE_IS_NO_COLUMN
        TOO_BIG_AST TOO_DEEP_AST TYPE_MISMATCH UNEXPECTED_AST_STRUCTURE UNKNOWN_ELEMENT_IN_AST
        UNKNOWN_TYPE_OF_AST_NODE VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE""",
    401: "REQUIRED_PASSWORD",
    403: "ACCESS_DENIED AUTHENTICATION_FAILED SET_NON_GRANTED_ROLE UNKNOWN_USER WRONG_PASSWORD",
    404: """UNKNOWN_AGGREGATE_FUNCTION UNKNOWN_DATABASE UNKNOWN_DATABASE_ENGINE UNKNOWN_DIRECTION_OF_SORTING
        UNKNOWN_FORMAT UNKNOWN_FUNCTION UNKNOWN_IDENTIFIER UNKNOWN_ROLE UNKNOWN_SETTING UNKNOWN_STORAGE
        UNKNOWN_TABLE UNKNOWN_TYPE UNKNOWN_TYPE_OF_QUERY""",
    408: "TIMEOUT_EXCEEDED",
    411: "HTTP_LENGTH_REQUIRED",
    413: "QUERY_IS_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    501: "NOT_IMPLEMENTED",
    503: "CANNOT_OPEN_FILE CANNOT_SCHEDULE_TASK SOCKET_TIMEOUT",
}
STATUS_BY_NAME = {name: status for status, names in _NAMES_BY_STATUS.items() for name in names.split()}

_ENGINE_TEXT = re.compile(
    r"Code: (?P<code>\d+)\. DB::Exception: (?P<message>.*?)\s*"
    r"\((?P<name>[A-Z][A-Z0-9_]+)\)(?: \(version [^)]*\))?\.?\s*$",
    re.DOTALL,
)


class ClickHouseError(Exception):
    """An error on its way to the client.

    Args:
        code: ClickHouse's number, such as 60.
        name: ClickHouse's name, such as UNKNOWN_TABLE; decides the HTTP status.
        message: what is wrong, without code and name.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name
        self.status = STATUS_BY_NAME.get(name, 500)

    @classmethod
    def from_engine(cls, error: Exception) -> Self:
        """Reads code and name out of the text of a chdb exception.

        Example:
            >>> error = ClickHouseError.from_engine(
            ...     RuntimeError("Query failed: Code: 60. DB::Exception: Table t does not exist. (UNKNOWN_TABLE)")
            ... )
            >>> error.code, error.name, error.status, str(error)
            (60, 'UNKNOWN_TABLE', 404, 'Table t does not exist.')
        """
        found = _ENGINE_TEXT.search(str(error))
        if found is None:
            return cls(1001, "STD_EXCEPTION", str(error))
        return cls(int(found["code"]), found["name"], found["message"])

    def body(self, version: str) -> str:
        """The whole text as clients expect it."""
        return f"Code: {self.code}. DB::Exception: {self} ({self.name}) (version {version})\n"


def not_implemented(what: str) -> ClickHouseError:
    """The embedded endpoint knows the request but cannot serve it."""
    return ClickHouseError(48, "NOT_IMPLEMENTED", f"{what} is not supported by the embedded endpoint.")
