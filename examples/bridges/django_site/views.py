"""Plain views and asynchronous ones."""

from __future__ import annotations

import asyncio
import threading

from asgiref.sync import sync_to_async
from django.http import HttpRequest, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt

# Two requests that are answered at the same time meet here.
meeting = threading.Barrier(2, timeout=20)


async def greet(request: HttpRequest, name: str) -> JsonResponse:
    """An asynchronous view."""
    return JsonResponse({"greeting": f"Hello, {name}!"})


def where(request: HttpRequest) -> JsonResponse:
    """Where `greet` is, for a client."""
    return JsonResponse({"url": request.build_absolute_uri(reverse("greet", args=["Ada"]))})


@csrf_exempt
def length(request: HttpRequest) -> JsonResponse:
    """Of the body, read in pieces."""
    count = 0
    while chunk := request.read(65536):
        count += len(chunk)
    return JsonResponse({"length": count})


async def threads(request: HttpRequest) -> JsonResponse:
    """The synchronous parts of a request run in one thread, one after the other: connections to databases need that."""
    idents = [await sync_to_async(threading.get_ident)() for _ in range(3)]
    return JsonResponse({"threads": len(set(idents))})


def together(request: HttpRequest) -> JsonResponse:
    """Synchronous views of different requests run in different threads, at once: this one waits for another."""
    try:
        meeting.wait()
    except threading.BrokenBarrierError:
        meeting.reset()
        return JsonResponse({"met": False})
    return JsonResponse({"met": True})


async def slow(request: HttpRequest) -> JsonResponse:
    """Django ends a view whose client has left."""
    print("django: waiting", flush=True)
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        print("django: the client has left", flush=True)
        raise
    return JsonResponse({})
