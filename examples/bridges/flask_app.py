"""Flask: WSGI, in threads. Bodies stream in and out."""

from __future__ import annotations

from flask import Flask, Response, jsonify, request, stream_with_context, url_for

app = Flask(__name__)


@app.get("/greet/<name>")
def greet(name: str) -> Response:
    return jsonify(greeting=f"Hello, {name}!")


@app.get("/where")
def where() -> Response:
    return jsonify(url=url_for("greet", name="Ada", _external=True))


@app.post("/length")
def length() -> Response:
    return jsonify(length=sum(len(chunk) for chunk in iter(lambda: request.stream.read(65536), b"")))


@app.post("/upper")
def upper() -> Response:
    """Sends each line of the body back in capital letters while the next ones are still on their way."""
    return Response(stream_with_context(line.upper() for line in request.stream), mimetype="text/plain")
