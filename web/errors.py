"""What can go wrong in the pages and the API. Everything that this package raises on purpose is a WebError."""

from __future__ import annotations


class WebError(Exception):
    """Base of all errors of this package. `status` is the HTTP status; the text is for people and holds no secret."""

    status = 500
    title = "Something went wrong"


class NotFound(WebError):
    """There is no such thing; the text names what was asked for."""

    status = 404
    title = "Not found"


class BadParameter(WebError):
    """A parameter of the address cannot be used. `name` is the parameter, the text says what it may be."""

    status = 400
    title = "Bad parameter"

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
