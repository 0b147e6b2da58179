"""Terms of identifiers, of words and their forms."""

from __future__ import annotations

import numpy as np
import pytest

from sleeptime.swe.query import TITLE_WEIGHT, Query
from sleeptime.swe.terms import MAX_WORD_CHARS, TermCounts, stem, term_ids, terms


@pytest.mark.parametrize("written", ["exportCsv", "ExportCSV", "export_csv", "EXPORT_CSV"])
def test_an_identifier_is_found_as_a_whole_and_by_its_words(written: str) -> None:
    assert terms(written) == ("exportcsv", "export", "csv")


def test_capitals_in_a_row_are_one_word() -> None:
    assert terms("HTTPServerError") == ("httpservererror", "http", stem("server"), stem("error"))


@pytest.mark.parametrize("forms", [("export", "exports", "exported", "exporting", "exporter"), ("cache", "caching")])
def test_forms_of_a_word_are_one_term(forms: tuple[str, ...]) -> None:
    assert len({terms(form) for form in forms}) == 1


def test_words_that_say_nothing_and_long_runs_of_letters_are_left_out() -> None:
    assert terms(f"the 12 {'a' * (MAX_WORD_CHARS + 1)} of x") == ()


def test_words_of_other_alphabets_count() -> None:
    assert terms("Größe 名前") == (stem("grösse"), "名前")


def test_counts_are_of_all_texts_together_and_ascend_by_term() -> None:
    found = TermCounts.of("json csv json", "CSV")
    assert dict(zip(found.ids.tolist(), found.counts.tolist(), strict=True)) == {
        term_ids("json")[0]: 2,
        term_ids("csv")[0]: 2,
    }
    assert np.all(found.ids[:-1] < found.ids[1:])


def test_the_title_of_a_query_counts_more_and_trailers_and_addresses_do_not_count() -> None:
    query = Query.of(
        "add json\n\nto the export, see https://example.org/zebra\n\nSigned-off-by: Giraffe <g@example.org>"
    )
    assert query.weights[term_ids("json")[0]] == TITLE_WEIGHT
    assert query.weights[term_ids("export")[0]] == 1
    assert not {term_ids("zebra")[0], term_ids("giraffe")[0]} & query.weights.keys()


def test_what_a_host_writes_over_a_merge_is_not_the_title() -> None:
    query = Query.of("Merge pull request #12 from ada/branch\n\nadd json")
    assert set(query.weights) == {term_ids("add")[0], term_ids("json")[0]}
    assert query.weights[term_ids("json")[0]] == TITLE_WEIGHT
