"""Flask: WSGI, in threads. Bodies stream in and out."""

from __future__ import annotations

from collections.abc import Iterator

from flask import Flask, Response, jsonify, request, url_for

app = Flask(__name__)


@app.get("/greet/<name>")
def greet(name: str) -> Response:
    return jsonify(greeting=f"Hello, {name}!")


@app.get("/where")
def where() -> Response:
    return jsonify(url=url_for("greet", name="Ada", _external=True))


@app.post("/length")
def length() -> Response:
    return jsonify(length=sum(len(chunk) for chunk in chunks()))


@app.post("/upper")
def upper() -> Response:
    """Sends each chunk of the body back in capital letters while the next ones are still on their way."""
    return Response((chunk.upper() for chunk in chunks()), mimetype="text/plain")


def chunks() -> Iterator[bytes]:
    """The request's body, as it comes."""
    while chunk := request.stream.read(65536):
        yield chunk
