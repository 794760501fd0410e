"""How each upstream words an error (upstreams §1.5, §2.6, §3.3, §4.5)."""

from typing import Any


def google(code: int, status: str, message: str, *details: dict[str, Any]) -> Any:
    """Google's envelope."""
    error = {"code": code, "message": message, "status": status}
    return {"error": error | ({"details": list(details)} if details else {})}


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    """One of Google's error details."""
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


def openai(message: str, type_: str, code: Any = None, param: str | None = None, **more: Any) -> Any:
    """OpenAI's envelope: all four keys, two of them nullable."""
    return {"error": {"message": message, "type": type_, "param": param, "code": code, **more}}


def gateway(message: str, code: Any = None, *, type_: str = "shell_api_error", param: str = "", **more: Any) -> Any:
    """The aggregator's own envelope; its `code` may be text, a number or null."""
    return {"error": {"message": message, **more, "type": type_, "param": param, "code": code}}


def ark(code: str, message: str, type_: str, param: str = "") -> Any:
    """Ark's envelope."""
    return {"error": {"code": code, "message": f"{message} Request id: {{id}}", "param": param, "type": type_}}
