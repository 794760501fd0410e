"""Where tokens come from: Google's OAuth and metadata server, and Azure's metadata server, on this machine."""

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Mapping

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
EMAIL = "painter@emulated.iam.gserviceaccount.com"
_ACCOUNT = "/computeMetadata/v1/instance/service-accounts/{account}"
_BITS = 2048


class TokenServer:
    """Gives tokens that end; needs the extra `cli`.

    Give `issued` to the emulator as its `keys`, and it takes these tokens alone; what is taken out of it has ended.

    Args:
        lifetime: seconds that a token is said to live.
        works: false: every asking is answered with an error.
    """

    def __init__(self, *, lifetime: float = 3599) -> None:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415 - an extra's

        self.lifetime = lifetime
        self.works = True
        self.url = ""
        self.issued: list[str] = []
        self.asked: list[str] = []
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)

    def account_file(self, folder: Path, *, project: str = "emulated") -> Path:
        """Write a service account's JSON key, whose tokens are asked for here."""
        from cryptography.hazmat.primitives import serialization as to  # noqa: PLC0415 - an extra's

        key = self._key.private_bytes(to.Encoding.PEM, to.PrivateFormat.PKCS8, to.NoEncryption()).decode()
        document = {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "1",
            "private_key": key,
            "client_email": EMAIL,
            "token_uri": f"{self.url}/token",
        }
        path = folder / "account.json"
        path.write_text(json.dumps(document), encoding="utf-8")
        return path

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/token", self._by_assertion)
        app.router.add_get(f"{_ACCOUNT}/token", self._by_metadata)
        app.router.add_get(f"{_ACCOUNT}/", self._account)
        app.router.add_get("/computeMetadata/v1/universe/universe-domain", self._universe)
        app.router.add_get("/metadata/identity/oauth2/token", self._by_azure)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    async def _by_assertion(self, request: web.Request) -> web.Response:
        form = await request.post()
        claims = self._claims(str(form.get("assertion", "")))
        if form.get("grant_type") != GRANT or claims is None or claims["iss"] != EMAIL:
            return web.json_response({"error": "invalid_grant", "error_description": "Invalid JWT."}, status=400)
        return self._issue("google", expires_in=self.lifetime, token_type="Bearer")  # noqa: S106 - its kind

    async def _by_metadata(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata-Flavor") != "Google":
            return web.Response(status=403)
        return self._issue("metadata", expires_in=self.lifetime, token_type="Bearer")  # noqa: S106 - its kind

    async def _by_azure(self, request: web.Request) -> web.Response:
        if request.headers.get("Metadata") != "true" or request.query.get("resource") is None:
            return web.json_response({"error": "invalid_request"}, status=400)
        said = {"expires_in": str(int(self.lifetime)), "resource": request.query["resource"]}
        return self._issue("azure", **said, token_type="Bearer")  # noqa: S106 - its kind

    async def _account(self, request: web.Request) -> web.Response:  # noqa: ARG002 - the same for all
        said = {"email": EMAIL, "scopes": ["https://www.googleapis.com/auth/cloud-platform"], "aliases": ["default"]}
        return web.json_response(said, headers={"Metadata-Flavor": "Google"})

    async def _universe(self, request: web.Request) -> web.Response:  # noqa: ARG002 - the same for all
        return web.Response(text="googleapis.com", headers={"Metadata-Flavor": "Google"})

    def _issue(self, who: str, **said: Any) -> web.Response:
        self.asked.append(who)
        flavour: Mapping[str, str] = {"Metadata-Flavor": "Google"}
        if not self.works:
            return web.json_response({"error": "temporarily_unavailable"}, status=503, headers=flavour)
        self.issued.append(f"token-{who}-{len(self.asked)}")
        return web.json_response({"access_token": self.issued[-1], **said}, headers=flavour)

    def _claims(self, assertion: str) -> Any:
        """Read a JSON web token that our account signed; None: it is none."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - an extra's
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # noqa: PLC0415 - an extra's
        from cryptography.hazmat.primitives.hashes import SHA256  # noqa: PLC0415 - an extra's

        try:
            head, claims, signature = assertion.split(".")
            public = self._key.public_key()
            public.verify(_decoded(signature), f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
            return json.loads(_decoded(claims))
        except (ValueError, InvalidSignature):
            return None


def _decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
