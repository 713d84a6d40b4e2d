from vivace.utils.suggest import did_you_mean, nearest, with_article


def test_nearest_finds_a_misspelt_name() -> None:
    assert nearest("titel", ["author", "title"]) == "title"


def test_nearest_prefers_the_same_name_in_another_case() -> None:
    assert nearest("Title", ["titles", "title"]) == "title"


def test_nearest_suggests_nothing_when_nothing_is_close() -> None:
    assert nearest("zzz", ["author", "title"]) is None


def test_did_you_mean_lists_the_choices_in_order() -> None:
    assert did_you_mean("titel", ["title", "id"], listed_as="Fields") == 'Did you mean "title"? Fields: id, title.'


def test_did_you_mean_cuts_a_long_list_and_says_how_long_it_is() -> None:
    message = did_you_mean("x", [f"name{i:03}" for i in range(100)], listed_as="Names")
    assert message.endswith("name039, … (100 in all).")


def test_did_you_mean_of_nothing_says_none() -> None:
    assert did_you_mean("x", [], listed_as="Fields") == "Fields: none."


def test_an_article_goes_by_the_first_letter() -> None:
    assert [with_article(noun) for noun in ("int", "Application", "dict", "str")] == [
        "an int",
        "an Application",
        "a dict",
        "a str",
    ]
