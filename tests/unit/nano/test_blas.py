"""The limit to one BLAS thread: counted, and lifted by the last one out."""

from __future__ import annotations

from threadpoolctl import threadpool_info, threadpool_limits

from sleeptime.nano.blas import one_blas_thread


def blas_threads() -> set[int]:
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_nested_limits_are_lifted_by_the_last_one_out() -> None:
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with one_blas_thread():
            with one_blas_thread():
                assert blas_threads() == {1}
            assert blas_threads() == {1}
        assert blas_threads() == before
