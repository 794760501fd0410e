"""Proxies, recognised by their pages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixroute.http.call import Reply
from pixroute.http.judging.intermediary import PROXIES, intermediary

ALB = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n{1}</body>\r\n</html>\r\n"
)
HAPROXY = "<html><body><h1>{}</h1>\n{}\n</body></html>\n"
HEROKU = "<!DOCTYPE html><html><head><title>Application error</title></head></html>"
CLOUDFLARE = "<!DOCTYPE html><html><head><title>api.example | 524: A timeout occurred</title></head></html>"
OPENAI_524 = {"error": {"code": 524, "message": "Gateway timeout.", "param": None, "type": "cf_gateway_timeout"}}


def nginx(title, software="nginx/1.22.1"):
    """Give nginx's page: the load balancer's with one more line."""
    return ALB.format(title, f"<hr><center>{software}</center>\r\n")


def page(status, text="", json=None, **headers):
    """Give an answer; underscores in header names stand for hyphens."""
    return Reply(status=status, headers={k.replace("_", "-"): v for k, v in headers.items()}, text=text, json=json)


@pytest.mark.parametrize(
    ("reply", "name", "remedy"),
    [
        (page(504, nginx("504 Gateway Time-out"), server="nginx/1.22.1"), "nginx", "proxy_read_timeout"),
        (page(504, nginx("504 Gateway Time-out", "nginx")), "nginx", "proxy_read_timeout"),
        (page(504, nginx("504 Gateway Time-out", "openresty")), "nginx", "proxy_read_timeout"),
        (page(504, HAPROXY.format("504", "The server didn't respond in time.")), "HAProxy", "timeout server"),
        (page(504, ALB.format("504 Gateway Time-out", ""), server="awselb/2.0"), "An AWS load balancer", "idle"),
        (page(504, ALB.format("504 Gateway Time-out", "")), "An AWS load balancer", "idle"),
        (page(504, json={"message": "Endpoint request timed out"}), "AWS API Gateway", "29 s"),
        (page(524, CLOUDFLARE, server="cloudflare", cf_ray="8f0-SIN"), "Cloudflare", "behind Cloudflare"),
        (page(524, "error code: 524"), "Cloudflare", "behind Cloudflare"),
        (page(504, "error code: 504\n"), "Cloudflare", "behind Cloudflare"),
        (page(524, json=OPENAI_524, server="cloudflare"), "Cloudflare", "behind Cloudflare"),
        (page(504, json={"error_name": "origin_response_timeout", "retryable": True}), "Cloudflare", "Cloudflare"),
        (page(504, "<HTML>504</HTML>", server="CloudFront"), "CloudFront", "origin response"),
        (page(504, "<HTML>504</HTML>", x_cache="Error from cloudfront"), "CloudFront", "origin response"),
        (page(503, HEROKU, server="Heroku", via="1.1 vegur"), "Heroku's router", "30 s"),
        (page(503, HEROKU, server="Cowboy"), "Heroku's router", "30 s"),
        (page(504, "upstream request timeout", server="envoy", via="1.1 google"), "Envoy", "30 s by default"),
        (page(504, "<title>Error 504 (Server Error)!!1</title> That’s an error."), "Google's load balancer", "30 s"),
        (page(504, nginx("504 Gateway Time-out", "Microsoft-Azure-Application-Gateway/v2")), "Azure", "time-out"),
        (page(504, "<p>The gateway did not receive a timely response from an upstream server"), "Apache", "Timeout"),
        (page(504, "<html>", x_squid_error="ERR_READ_TIMEOUT 0"), "Squid", "read_timeout"),
        (page(504, "Gateway Timeout"), "An unknown proxy", "time-out"),
    ],
)
def test_time_outs(reply, name, remedy):
    """Each product is known by its page, cuts by its time-out, and is told which setting that is."""
    found = intermediary(reply)

    assert found
    assert found.name.startswith(name)
    assert found.cuts
    assert "may still be made and billed" in found.meaning
    assert remedy in found.advice


@pytest.mark.parametrize(
    ("reply", "name", "meaning"),
    [
        (page(502, nginx("502 Bad Gateway")), "nginx", "broke off"),
        (page(503, nginx("503 Service Temporarily Unavailable")), "nginx", "its own limit"),
        (
            page(502, HAPROXY.format("502", "The server returned an invalid or incomplete response.")),
            "HAProxy",
            "broke",
        ),
        (page(503, HAPROXY.format("503", "No server is available to handle this request.")), "HAProxy", "nobody"),
        (page(503, "upstream connect error or disconnect/reset before headers."), "Envoy", "nobody"),
        (page(520, "error code: 520"), "Cloudflare", "broke off"),
        (page(521), "Cloudflare", "refused the connection"),
        (page(522), "Cloudflare", "did not take"),
        (page(526), "Cloudflare", "certificate"),
        (page(502, "<h1>Bad Gateway</h1>"), "An unknown proxy", "broke off"),
    ],
)
def test_other_cuts(reply, name, meaning):
    """What is not a time-out is cut all the same, and says why."""
    found = intermediary(reply)

    assert found
    assert (found.name, found.cuts) == (name, True)
    assert meaning in found.meaning


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (page(413, nginx("413 Request Entity Too Large")), "`client_max_body_size`"),
        (page(413, "<html>", server="cloudflare"), "smaller reference pictures"),
        (page(403, "<title>Just a moment...</title>", server="cloudflare"), "Nobody judged"),
    ],
)
def test_refusals_of_its_own(reply, words):
    """A proxy that refuses has cut nothing."""
    found = intermediary(reply)

    assert found
    assert not found.cuts
    assert words in found.advice


@pytest.mark.parametrize(
    "reply",
    [
        page(200, nginx("200 OK")),
        page(503, json={"error": {"code": 503}}, server="cloudflare", cf_ray="8f0-SIN"),
        page(400, json={"error": {"code": "InvalidParameter"}}, server="istio-envoy"),
        page(502, json={"error": {"message": ""}}, server="nginx"),
        page(504, json={"error": {"status": "DEADLINE_EXCEEDED"}}, via="1.1 google"),
        page(503, "overloaded", server="cloudflare"),
        page(503, "<h1>Overloaded</h1>"),
        page(529, json={"error": {"type": "overloaded_error"}}),
        page(502),
        page(502, json=[]),
        page(504, json=["Endpoint request timed out"]),
    ],
)
def test_the_provider_itself(reply):
    """A header alone proves nothing: providers speak through their proxies."""
    assert intermediary(reply) is None


def test_a_page_is_its_writers_not_its_carriers():
    """A page of nginx that Cloudflare passed on is still nginx's."""
    found = intermediary(page(504, nginx("504 Gateway Time-out"), server="cloudflare"))

    assert found
    assert found.name == "nginx"


def test_names_are_unique():
    """One row per product."""
    names = [proxy.name for proxy in PROXIES]

    assert names == list(dict.fromkeys(names))


@pytest.mark.slow  # a hundred examples
@given(
    st.integers(100, 999),
    st.text(),
    st.none() | st.dictionaries(st.sampled_from(["error", "message"]), st.text() | st.integers()) | st.lists(st.text()),
    st.dictionaries(st.sampled_from(["server", "via", "x-cache", "x-squid-error"]), st.text()),
)
def test_anything_may_come(status, text, json, headers):
    """No answer raises."""
    found = intermediary(Reply(status=status, headers=headers, text=text, json=json))

    assert found is None or found.advice.endswith(".")
