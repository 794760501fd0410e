"""What befalls jobs: an upstream that does not know them, and one whose jobs live on another host."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from attrs import evolve

from pixroute.http.call import Call, Reply
from pixroute.http.jobs import JobProvider
from pixroute.http.provider import HttpProvider
from pixroute.http.wire.outgoing import outgoing
from pixroute.outcome import Blame, Failure, FailureKind
from pixroute.testing.conformance.stand import EndedRequest, answer, ask, at, healthy, play, router_of
from pixroute.testing.conformance.upstream import KEY, ORIGIN, Upstream, filled
from pixroute.testing.conformance.words import check, smallest
from pixroute.testing.faults import ScriptedServer

_NEVER_CHANGE_IT = "The request was taken, and perhaps paid; the caller is told to change what is right."


class JobChecks:
    """Checks of providers that take jobs; others skip them."""

    upstream: ClassVar[Upstream | None]

    @pytest.fixture
    def jobs(self, http_provider: HttpProvider[Any]) -> JobProvider[Any]:
        """Give a provider of jobs whose upstream is known, or skip the test."""
        if not isinstance(http_provider, JobProvider) or self.upstream is None or not self.upstream.before:
            pytest.skip("nothing is known of jobs")
        return http_provider

    def test_a_young_job_may_be_unknown(self, jobs: JobProvider[Any]) -> None:
        """A poll that does not find the job is asked again, and the picture arrives."""
        known = _known(self.upstream)
        request = smallest(jobs.capabilities())
        taken, *rest = healthy(known, request)
        ended = ask(jobs, request, taken, answer(known.lost, status=known.lost_status), *rest)

        check(
            ended.result,
            f"A job that one poll did not find was given up: {ended.failure}",
            "The machine that is asked may learn of it a moment later; it was paid for. Give no `Failure` for it.",
        )

    def test_a_lost_job_is_no_fault_of_the_request(self, jobs: JobProvider[Any]) -> None:
        """A job that is never found again is told as lost."""
        known = _known(self.upstream)
        taken = answer(known.before[0])
        ended = ask(jobs, smallest(jobs.capabilities()), taken, answer(known.lost, status=known.lost_status))

        _check_not_blamed(ended.failure, "A job that the upstream no longer knows")
        check(ended.posts == 1, f"{ended.posts} calls were sent for one job.", "Each may be billed.")

    def test_the_key_goes_to_no_second_origin(self, jobs: JobProvider[Any]) -> None:
        """A job on a host that `job_hosts` does not name is not asked for, and the plugin is blamed."""
        known = _known(self.upstream)
        if ORIGIN not in repr(known.before[0]):
            pytest.skip("its jobs have no URLs of their own")
        ended, second = play(lambda: _strayed(jobs, known))

        asked = [request for request in second.requests if KEY.reveal() in str(request.headers)]
        check(not asked, "The key was sent to another origin.", "Whoever answers for the upstream could have any key.")
        _check_not_blamed(ended.failure, "A job on another host")

    def test_jobs_and_pictures_on_other_origins_arrive(self, jobs: JobProvider[Any]) -> None:
        """A job on an origin that the settings name is asked for there with the key; a picture is fetched without."""
        known = _known(self.upstream)
        if ORIGIN not in repr(known.before[0]) or not hasattr(jobs.settings, "job_origins"):
            pytest.skip("its jobs have no URLs of their own, or its settings are no `JobSettings`")
        ended, second = play(lambda: _moved(jobs, known))

        check(ended.result, f"A job on another origin was given up: {ended.failure}", "It was paid for.")
        keyed = [request.path for request in second.requests if KEY.reveal() in str(request.headers)]
        check(
            keyed or not second.requests,
            "The job was asked for without the key.",
            "The upstream answers 401, and the job is lost.",
        )
        check(
            not any(path.endswith("/picture.png") for path in keyed),
            "The key was sent to where the picture lies.",
            "Delivery hosts are others' machines; a picture's URL is fetched as it is given.",
        )

    def test_documented_hosts_are_asked(self, jobs: JobProvider[Any]) -> None:
        """Jobs on the hosts that `upstream.job_origins` names may be asked for."""
        known = _known(self.upstream)
        for origin in known.job_origins:
            job = jobs.accepted(Reply(status=200, headers={}, json=filled(known.before[0], {ORIGIN: origin})))
            try:
                outgoing(Call.get(job.poll), jobs.endpoint, "conformance")
            except ValueError as error:
                why = str(error)
            else:
                why = ""
            check(
                not why,
                f"A job at {job.poll} is not asked for: {why}.",
                'It was bought and is lost. Name the host in `job_hosts = ("*.example.com",)`.',
            )


def _known(upstream: Upstream | None) -> Upstream:
    assert upstream is not None  # the fixture skips those without
    return upstream


def _check_not_blamed(failure: Failure | None, what: str) -> None:
    blamed = failure is None or failure.kind is FailureKind.INVALID or failure.blame is Blame.REQUEST
    check(not blamed, f"{what} counts as {failure and failure.kind}: {failure}", _NEVER_CHANGE_IT)


async def _strayed(provider: JobProvider[Any], known: Upstream) -> tuple[EndedRequest, ScriptedServer]:
    """Let the submission's answer name another origin."""
    async with ScriptedServer(answer(known.before[-1])) as second:
        taken = answer(filled(known.before[0], {ORIGIN: second.origin}))
        async with ScriptedServer(taken) as first, router_of(before := at(provider, first.origin)) as router:
            return await EndedRequest.of(router, before, smallest(provider.capabilities()), first), second


async def _moved(provider: JobProvider[Any], known: Upstream) -> tuple[EndedRequest, ScriptedServer]:
    """Let everything after the submission lie on another origin, which the settings name."""
    request = smallest(provider.capabilities())
    async with ScriptedServer(*healthy(known, request)[1:]) as second:
        taken = answer(known.before[0], at=second.origin)
        async with ScriptedServer(taken) as first:
            before = at(provider, first.origin)
            moved = type(before)(before.name, evolve(before.settings, job_origins=(second.origin,)))
            async with router_of(moved) as router:
                return await EndedRequest.of(router, moved, request, first), second
