"""Bocadillo 0.18.3, of 2020: it needs Starlette 0.12, and so a virtual environment of its own (scripts/bocadillo)."""

from __future__ import annotations

from typing import Any

from bocadillo import App, WebSocket, configure

from vivace.web import Application, Mount
from vivace.web.middleware.striprootpath import StripRootPathMiddleware

app = App()
configure(app)
state = {"started": False}


@app.on("startup")
async def start() -> None:
    state["started"] = True
    print("bocadillo: started", flush=True)


@app.on("shutdown")
async def stop() -> None:
    print("bocadillo: stopped", flush=True)


@app.route("/greet/{name}")
async def greet(req: Any, res: Any, name: str) -> None:
    res.json = {"greeting": f"Hello, {name}!"}


@app.route("/started")
async def started(req: Any, res: Any) -> None:
    res.json = state


@app.route("/length", methods=["post"])
async def length(req: Any, res: Any) -> None:
    count = 0
    async for chunk in req:
        count += len(chunk)
    res.json = {"length": count}


@app.websocket_route("/ws")
async def echo(ws: WebSocket) -> None:
    async for text in ws:
        await ws.send(text)


# Under a prefix, beside whatever else: `vivace run bocadillo_app:site`. Bocadillo takes no notice of `root_path`.
site = Application(routes=[Mount("/old", StripRootPathMiddleware(app), name="old")])
