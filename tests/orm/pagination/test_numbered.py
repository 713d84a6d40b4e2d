"""Paginator and Page over sequences and over anything that counts and slices asynchronously."""

from collections.abc import Generator

import pytest

from vivace.orm.pagination import EmptyPage, PageNotAnInteger, Paginator

pytestmark = pytest.mark.anyio


class Rows:
    """Counts and slices like a queryset, and tells what was asked of it."""

    def __init__(self, rows: range, asked: list[object]) -> None:
        self.rows = rows
        self.asked = asked

    async def count(self) -> int:
        self.asked.append("count")
        return len(self.rows)

    def __getitem__(self, key: slice, /) -> "Rows":
        self.asked.append((key.start, key.stop))
        return Rows(self.rows[key], self.asked)

    def __await__(self) -> Generator[None, None, list[int]]:
        yield from ()
        return list(self.rows)


async def test_a_page_costs_one_count_and_one_slice() -> None:
    asked: list[object] = []
    page = await Paginator(Rows(range(25), asked), 10).page(2)
    assert list(page) == list(range(10, 20))
    assert asked == ["count", (10, 20)]


async def test_pages_know_their_neighbours_and_their_place() -> None:
    paginator = Paginator(range(25), 10)
    first, last = await paginator.page(1), await paginator.page(3)
    assert (first.has_previous(), first.has_next(), first.next_page_number()) == (False, True, 2)
    assert (last.has_previous(), last.has_next(), last.previous_page_number()) == (True, False, 2)
    assert (first.start_index(), first.end_index(), last.start_index(), last.end_index()) == (1, 10, 21, 25)
    assert len(last) == 5
    assert last[0] == 20


async def test_beyond_the_ends_there_is_no_next_or_previous_page() -> None:
    page = await Paginator([1], 10).page(1)
    assert not page.has_other_pages()
    with pytest.raises(EmptyPage):
        page.next_page_number()
    with pytest.raises(EmptyPage):
        page.previous_page_number()


@pytest.mark.parametrize("number", ["x", "", None, 1.5, "1" * 400, float("inf")])
async def test_what_is_no_whole_number_is_refused(number: object) -> None:
    with pytest.raises(PageNotAnInteger):
        await Paginator(range(25), 10).page(number)


@pytest.mark.parametrize("number", [0, -1, 4, "4", 10**17])
async def test_a_number_out_of_range_is_refused(number: object) -> None:
    with pytest.raises(EmptyPage):
        await Paginator(range(25), 10).page(number)


@pytest.mark.parametrize(("number", "found"), [("x", 1), (None, 1), ("2", 2), ("99", 3), ("-1", 3), (0, 3)])
async def test_get_page_takes_whatever_a_visitor_writes(number: object, found: int) -> None:
    assert (await Paginator(range(25), 10).get_page(number)).number == found


async def test_orphans_join_the_last_page() -> None:
    paginator = Paginator(range(22), 10, orphans=2)
    assert await paginator.num_pages() == 2
    assert len(await paginator.page(2)) == 12


async def test_fewer_rows_than_orphans_are_one_page() -> None:
    assert await Paginator(range(2), 10, orphans=5).num_pages() == 1


async def test_an_empty_list_has_one_empty_page() -> None:
    page = await Paginator(Rows(range(0), []), 10).page(1)
    assert (list(page), page.start_index(), page.end_index(), page.num_pages) == ([], 0, 0, 1)


async def test_an_empty_list_has_no_page_when_that_is_asked_for() -> None:
    with pytest.raises(EmptyPage):
        await Paginator[int]([], 10, allow_empty_first_page=False).page(1)


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (1, "1 2 3 4 … 49 50"),
        (6, "1 2 3 4 5 6 7 8 9 … 49 50"),
        (10, "1 2 … 7 8 9 10 11 12 13 … 49 50"),
        (45, "1 2 … 42 43 44 45 46 47 48 49 50"),
        (50, "1 2 … 47 48 49 50"),
    ],
)
async def test_the_elided_range_shows_the_ends_and_the_neighbourhood(number: int, shown: str) -> None:
    page = await Paginator(range(50), 1).page(number)
    assert " ".join(map(str, page.get_elided_page_range())) == shown


async def test_the_elided_range_without_ends_shows_only_the_neighbourhood() -> None:
    page = await Paginator(range(9), 1).page(5)
    assert " ".join(map(str, page.get_elided_page_range(on_each_side=1, on_ends=0))) == "… 4 5 6 …"


@pytest.mark.parametrize(("per_page", "orphans"), [(0, 0), (-1, 0), (5, 5), (5, -1)])
def test_sizes_that_make_no_sense_are_refused(per_page: int, orphans: int) -> None:
    with pytest.raises(ValueError, match="Paginator"):
        Paginator([], per_page, orphans)
