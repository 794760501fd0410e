"""Machine words: codes, types, status names and reasons, read into kinds (upstreams §1.5, §2.6, §3.3, §4.5).

A *fine* word says what is wrong, a *coarse* one only in which class. Both are compared without case and punctuation:
`content_filter`, `contentFilter` and `ContentFilter` are one word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from pixroute.outcome import FailureKind

_K = FailureKind


@frozen
class Code:
    """Fine words of one kind: a pattern in the squeezed word, and where it was seen."""

    kind: FailureKind
    pattern: str
    seen: str

    def says(self, code: str) -> bool:
        """Tell whether a squeezed word is one of these."""
        return re.search(self.pattern, code) is not None


CODES: tuple[Code, ...] = (
    Code(_K.OVERLOADED, "(moderation|safety|inspection).*(unavailable|timeout|servicefail)", "the check itself fails"),
    Code(
        _K.MODERATED,
        "moderation(?!fail)|moderated|contentpolicy|contentfilter|policyviolation|sensitive(content|word|info)|riskdetect"
        "|datainspection|(prompt|content|output|image|response|generation|input|request)(is)?blocked(?!ip)"
        "|prohibitedcontent|imagesafety|^safety($|input|output)|blocklist$|recitation$|^i?spii$|nsfw|unsafe|violationfee|inappropriate"
        "|responsibleai|contentviolation|infringe|copyright|safety(check|violation|system|filter|policy)|guardrail"
        "|sensitivecontent|illegalcontent|harmfulcontent|blockedbysafety|promptrejected|contentrejected|riskcontrol|illegaldetect|promptviolation"
        "|censor|audit(submit|illegal|fail|reject|notpass)|csam|sexual|nudity|porn|hatespeech|selfharm|(banned|blocked|forbidden)(word|term|keyword|prompt|content)",
        "OpenAI, Azure, Ark, DashScope, Gemini reasons, new-api `types/error.go`, fal, xAI fees",
    ),
    Code(
        _K.OVERLOADED,
        "overload|capacity|saturat|(server|system|service)(is)?busy|highdemand|noavailable|slowdown|engineoverloaded"
        "|downtime|maintenance",
        "OpenAI `slow_down`, Anthropic `overloaded_error`, Google `MODEL_CAPACITY_EXHAUSTED`, Ark `ServerOverloaded`",
    ),
    Code(
        _K.QUOTA, "[rti]pd(rate|limit|exceed)|quotaperday|quotazero", "Google, Ark `…TpdRateLimitExceeded`: by the day"
    ),
    Code(
        _K.RATE_LIMITED,
        "(?<!gene)ratelimit|throttl|concurren|burst|toofast|inflight|[rti]pm(rate|limit|exceed)|requestsper(second|minute)"
        "|ratequota|requestlimitexceed|(job|task)(num|count|limit)exceed|toofrequent|frequency|qps",
        "OpenAI, Ark, DashScope `Throttling.…`, AWS `ThrottlingException`, new-api `token_concurrency_limit_reached`",
    ),
    Code(
        _K.QUOTA,
        "insufficient.*(quota|balance|credit|fund)|(quota|budget|credit|balance|fund|spen[dt]|billing|usage).*"
        "(exceed|exhaust|deplet|limit|reached|notenough|overdue|insufficient|notactive|low)|exceed.*(quota|budget)"
        "|setlimitexceeded|overdue|arrear|payment|billing|notenough(balance|credit|quota|fund)"
        "|package(exhaust|expire|usedup)|(no|outof|lack)(credit|balance|fund)|(no|inactive|expired)subscription"
        "|subscription(notfound|expired|inactive|required|ended)|customerverification|freetier|freetrial|^limitexceeded(exception)?$|prepaid|topup|preconsume",
        "OpenAI, Google QuotaFailure, Ark, DashScope `Arrearage`, new-api, LiteLLM, AWS usage plans",
    ),
    Code(
        _K.FORBIDDEN,
        "apikey.*blocked|(access|operation|permission)(disabled|denied)|(?<!method)notallowed|servicenotopen|servicedisabled"
        "|unsupportedcountry|country|region(not|un)|territory|(account|user|organi[sz]ation|project|resource|workspace).*"
        "(disabled|deactivated|banned|suspended|blocked|locked|notverified|unverified|restricted)|notverified|unverified"
        "|banned|suspended|modelaccess|notauthori[sz]ed|noauth(error|ori[sz])|notentitled|insufficient(permission|scope|privilege)|userdisabled|ipnot|missingscope|notpurchased",
        "Google ErrorInfo reasons, Ark `OperationDenied…`, OpenAI `unsupported_country_region_territory`",
    ),
    Code(
        _K.AUTH,
        "(invalid|incorrect|wrong|missing|expired|revoked|bad|no|leaked|unknown)(proxy)?(server)?(api|access|auth|secret)?"
        "(key|token|credential|signature|secret|auth)(?!s?count|word)(id|s)?$"
        "|(api|access|virtual)?(key|token|credential).*(invalid|expired|missing|revoked|required|leaked|notfound|incorrect)"
        "|^authentication(error|fail|required)|^auth(error|fail|unavailable)|unauthenticated$|signature(does)?notmatch|authfailure"
        "|unrecognizedclient|notauthenticated|missingauth|invalidauth",
        "OpenAI, Google `API_KEY_INVALID`, Ark, DashScope, LiteLLM `token_not_found_in_db`, AWS",
    ),
    Code(
        _K.MODEL_GONE,
        "model(id|name)?(is)?(not|un|no)(found|exist|open|support|available|supported|known)|model.*(doesnotexist|deprecated"
        "|retired|decommission)|(nosuch|unknown|unsupported|invalid|nonexistent|missing)model(?!param|input)"
        "|invalidendpoint|(endpoint|deployment|engine)notfound|^notfoundmodel",
        "OpenAI, Ark, Azure `DeploymentNotFound`, DashScope, new-api",
    ),
    Code(
        _K.INVALID,
        "(invalid|unknown|unsupported|missing|unrecogni[sz]ed|illegal|required|bad|wrong|empty).*(param|value|field|argument"
        "|size|image|file|format|name|ratio|resolution|type|input|prompt|url|json|body|option|property|media|dimension)"
        "(?!generation)|(size|format|param|parameter|field|value|image|resolution).*(notsupported|unsupported|invalid|missing"
        "|toolarge|toosmall|toolong|required)|string(too|above|below)|contextlength|toolarge|toolong|outofrange"
        "|unprocessable|^missing$|greaterthan|lessthan|literalerror|extraforbidden|enum$",
        "OpenAI `invalid_value`, `unknown_parameter`; Ark `InvalidParameter…`; pydantic's types in FastAPI and fal",
    ),
)
"""First row that fits any word wins."""

COARSE: Mapping[str, FailureKind | None] = MappingProxyType(
    dict.fromkeys(
        (
            "invalidrequesterror", "invalidrequest", "invalidargument", "badrequest", "badrequesterror",
            "validationerror", "imagegenerationusererror", "invalidinput", "inputvalidationerror", "requesterror",
            "unprocessableentity", "clientspecifiedaninvalidargument", "validationexception", "outofrange",
        ),
        _K.INVALID,
    )
    | dict.fromkeys(
        (
            "permissiondenied", "permissionerror", "permissiondeniederror", "forbidden", "accessdenied",
            "accessdeniedexception", "failedprecondition", "operationdenied", "accessforbidden",
            "thecallerdoesnothavepermissiontoexecutethespecifiedoperation", "forbiddenexception",
        ),
        _K.FORBIDDEN,
    )
    | dict.fromkeys(("unauthorized", "unauthenticated", "unauthorizedexception"), _K.AUTH)
    | dict.fromkeys(
        (
            "notfound", "notfounderror", "somerequestedentitywasnotfound", "resourcenotfound",
            "resourcenotfoundexception",
        ),
        _K.MODEL_GONE,
    )
    | dict.fromkeys(
        ("resourceexhausted", "toomanyrequests", "toomanyrequestsexception", "someresourcehasbeenexhausted"),
        _K.RATE_LIMITED,
    )
    | dict.fromkeys(
        (
            "unavailable", "serviceunavailable", "serviceunavailableerror", "theserviceiscurrentlyunavailable",
            "serviceunavailableexception", "modelnotreadyexception",
        ),
        _K.OVERLOADED,
    )
    | dict.fromkeys(
        (
            "internal", "internalerror", "internalservererror", "internalserviceerror", "servererror", "aborted",
            "deadlineexceeded", "unknown", "writeresponsebodyfailed", "dorequestfailed", "readresponsebodyfailed",
            "badresponse", "badresponsebody", "internalfailure", "generationtimeout",
        ),
        _K.SERVER_ERROR,
    )
)  # fmt: skip
"""What only names a class: words may say more, and a status of another class outweighs it."""


def squeeze(code: str) -> str:
    """Give a machine word without case and punctuation."""
    return re.sub(r"[\W_]+", "", code.lower())


def fine(codes: tuple[str, ...]) -> FailureKind | None:
    """Give the kind that the fine words name, or None."""
    spoken = [word for code in codes if (word := squeeze(code)) not in COARSE and len(code) <= _LONGEST]
    return next((row.kind for row in CODES if any(row.says(word) for word in spoken)), None)


def coarse(codes: tuple[str, ...]) -> FailureKind | None:
    """Give the class that the coarse words name, or None: first those that are known, then by their form."""
    words = [squeeze(code) for code in codes if len(code) <= _LONGEST]
    known = next((kind for word in words if (kind := COARSE.get(word))), None)
    return known or next((_K.SERVER_ERROR for word in words if _BROKEN.search(word)), None)


_BROKEN = re.compile(
    "(down|up)stream|backend|(service|server|system|internal|runtime|engine|worker|inference|generation|execution"
    "|processing|prediction|task|job|algo|model)(error|exception|fail|crash|timeout|timedout|dead)|timeout$|timedout$"
)
"""How services call what broke in themselves."""


_LONGEST = 120  # what is longer is a sentence
