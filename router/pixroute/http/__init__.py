"""What a provider plugin that speaks HTTP is made of; nothing here imports aiohttp."""

from pixroute.http.body.blob import Blob
from pixroute.http.call import Auth, Call, Details, HttpSettings, Item, Part, Picture, Reply
from pixroute.http.jobs import Finished, Job, JobProvider, JobSettings, Progress, Queued, Running
from pixroute.http.judging.envelope import failure_from
from pixroute.http.judging.pictureless import declined
from pixroute.http.provider import HttpProvider
from pixroute.http.routes import TwoRoutes
from pixroute.http.tokens import Token, Tokens
from pixroute.http.usage import amount_of
from pixroute.secret import NoSecret

__all__ = [
    "Auth",
    "Blob",
    "Call",
    "Details",
    "Finished",
    "HttpProvider",
    "HttpSettings",
    "Item",
    "Job",
    "JobProvider",
    "JobSettings",
    "NoSecret",
    "Part",
    "Picture",
    "Progress",
    "Queued",
    "Reply",
    "Running",
    "Token",
    "Tokens",
    "TwoRoutes",
    "amount_of",
    "declined",
    "failure_from",
]
