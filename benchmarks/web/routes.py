"""What a framework costs: one route, many routes, many middlewares, on 64 keep-alive connections."""

from __future__ import annotations

from functools import partial

from benchmarks.harness.processes import Contender
from benchmarks.harness.race import Case, Options, Outcome, Race, chosen_cases, run_race
from benchmarks.harness.tables import race_section
from benchmarks.harness.workbench import Workbench
from benchmarks.harness.wrk import run_wrk
from benchmarks.server.http import CONNECTIONS
from benchmarks.server.http_checks import check_http
from benchmarks.web.contenders import Frameworks

MIDDLEWARES = 10


def case(name: str, title: str, contenders: list[Contender], path: str, body: bytes) -> Case:
    """GET of a path that is answered with a small JSON object."""

    def load(port: int, options: Options, seconds: int) -> Outcome:
        return run_wrk(port, options.load_core, CONNECTIONS, seconds, path=path)

    return Case(name, title, contenders, partial(check_http, expected=body, path=path), load)


def cases(workbench: Workbench) -> list[Case]:
    """What is measured."""
    make = Frameworks(workbench)
    item = b'{"id":42,"name":"The Hobbit"}'
    page = b'{"message":"Hello, World!"}'
    many = [
        make.vivace("routes_5", "vivace, 5 routes"),
        make.vivace("routes_500", "vivace, 500 routes"),
        make.starlette("routes_5", "Starlette on uvicorn, 5 routes"),
        make.starlette("routes_500", "Starlette on uvicorn, 500 routes"),
    ]
    return [
        case(
            "route",
            "a path parameter, converted, and a JSON response",
            [
                make.vivace(),
                make.fastify(),
                make.blacksheep(),
                make.starlette(),
                make.fastapi(),
            ],
            "/items/42",
            item,
        ),
        case(
            "fastapi",
            "the same with FastAPI: on uvicorn, on our server, and there with --toolkit vivace",
            [
                make.fastapi_on_vivace("FastAPI on vivace, --toolkit vivace", toolkit=True),
                make.fastapi_on_vivace(),
                make.fastapi(),
            ],
            "/items/42",
            item,
        ),
        case(
            "portable",
            "the same on uvicorn",
            [make.vivace_on_uvicorn(), make.starlette()],
            "/items/42",
            item,
        ),
        case("many-static", "a static path, declared last", many, "/page", page),
        case("many-parameter", "a path with a parameter, declared last", many, "/items/42", item),
        case(
            "middleware",
            f"pass-through ASGI middlewares around a route: none, and {MIDDLEWARES}",
            [
                make.vivace(name="vivace, none"),
                make.vivace(f"middleware_{MIDDLEWARES}", f"vivace, {MIDDLEWARES}"),
                make.starlette(name="Starlette on uvicorn, none"),
                make.starlette(f"middleware_{MIDDLEWARES}", f"Starlette on uvicorn, {MIDDLEWARES}"),
            ],
            "/items/42",
            item,
        ),
    ]


def section(race: Race, workbench: Workbench, options: Options) -> str:
    """A table; below it what the middlewares cost, where that is the question."""
    text = race_section(race, workbench, options)
    if race.case.name == "middleware":
        cost = {standing.name: 1e6 / standing.efficiency for standing in race.standings}
        for name, without in cost.items():
            with_them = cost.get(name.replace("none", str(MIDDLEWARES)))
            if name.endswith("none") and with_them is not None:
                who = name.removesuffix(", none")
                text += f"\n{MIDDLEWARES} middlewares cost {with_them - without:.1f} µs of CPU a request: {who}.\n"
    return text


def run(workbench: Workbench, options: Options) -> str:
    """Measure; the tables."""
    races = [run_race(each, workbench, options) for each in chosen_cases(cases(workbench), options)]
    return "\n".join(section(race, workbench, options) for race in races)
