"""The clients for Python, and curl. Each is asked one thing and prints one line of JSON: what it shows."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

NAME, WHAT = sys.argv[1:]
BASE, KEY, PICTURE = os.environ["BASE"], os.environ["KEY"], Path(os.environ["PICTURE"])
PATIENCE = 1.0 if WHAT == "time-out" else 60.0
STREAM = WHAT in {"stream", "late failure in a stream"}
EDIT = WHAT == "edit"
PROMPT, MODEL = "A lighthouse", "default"
NONE = "has none"


def shown(text):
    """Tell what base64 is."""
    if not text:
        return "nothing, and no error"
    head = base64.b64decode(text[:12])
    return "picture" if head.startswith((b"\x89PNG", b"\xff\xd8")) else "no picture"


def ask_openai():
    """OpenAI's own."""
    import openai

    client = openai.OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE)
    if EDIT:
        return shown(client.images.edit(model=MODEL, prompt=PROMPT, image=PICTURE).data[0].b64_json)
    answer = client.images.generate(
        model=MODEL, prompt=PROMPT, size="1024x1024", **({"stream": True} if STREAM else {})
    )
    if STREAM:
        return shown([event.b64_json for event in answer if event.type.endswith("completed")][-1])
    return shown(answer.data and answer.data[0].b64_json)


def ask_google():
    """Google's own."""
    from google import genai
    from google.genai import types

    options = types.HttpOptions(
        base_url=BASE, timeout=int(PATIENCE * 1000), retry_options=types.HttpRetryOptions(attempts=1)
    )
    client = genai.Client(api_key=KEY, http_options=options)  # it closes what it made when nobody holds it
    models = client.models
    part = types.Part.from_bytes(data=PICTURE.read_bytes(), mime_type="image/png")
    asked = {
        "model": MODEL,
        "contents": [PROMPT, part] if EDIT else PROMPT,
        "config": types.GenerateContentConfig(response_modalities=["IMAGE"]),
    }
    answer = list(models.generate_content_stream(**asked))[-1] if STREAM else models.generate_content(**asked)
    found = answer.candidates and answer.candidates[0].content.parts[0].inline_data.data
    return shown(found and base64.b64encode(found).decode())


def ask_litellm():
    """As a client, not as a gateway."""
    import litellm

    if STREAM:
        return NONE
    asked = {"model": f"openai/{MODEL}", "prompt": PROMPT, "api_base": f"{BASE}/v1", "api_key": KEY}
    asked |= {"timeout": PATIENCE, "max_retries": 0}
    if EDIT:
        with PICTURE.open("rb") as file:
            return shown(litellm.image_edit(image=file, **asked).data[0].b64_json)
    answer = litellm.image_generation(**asked)
    return shown(answer.data and answer.data[0].b64_json)


def ask_langchain():
    """By a chat model, whose message holds the picture."""
    from langchain_openai import ChatOpenAI

    client = ChatOpenAI(model=MODEL, base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, timeout=PATIENCE)
    uri = f"data:image/png;base64,{base64.b64encode(PICTURE.read_bytes()).decode()}"
    content = [{"type": "text", "text": PROMPT}, *([{"type": "image_url", "image_url": {"url": uri}}] if EDIT else [])]
    messages = [{"role": "user", "content": content}]
    answer = list(client.stream(messages))[-1] if STREAM else client.invoke(messages)
    found = answer.additional_kwargs.get("images")
    return shown(found[0]["image_url"]["url"].partition(",")[2]) if found else "an empty message: it drops pictures"


def ask_curl():
    """By hand, as a shell script does."""
    patience = "1" if WHAT == "time-out" else "60"
    key = ["-H", f"Authorization: Bearer {KEY}"]
    head = ["curl", "-sS", "--speed-time", patience, "--speed-limit", "1", *key, "-w", "\n%{http_code}"]
    if EDIT:
        call = ["-F", f"image=@{PICTURE}", "-F", f"prompt={PROMPT}", f"{BASE}/v1/images/edits"]
    else:
        body = json.dumps({"model": MODEL, "prompt": PROMPT, "stream": STREAM})
        call = ["-H", "Content-Type: application/json", "-d", body, f"{BASE}/v1/images/generations"]
    done = subprocess.run([*head, *call], capture_output=True, text=True, check=False)
    if done.returncode:
        return f"exit code {done.returncode}"
    text, _, status = done.stdout.rpartition("\n")
    if STREAM:
        text = [line.removeprefix("data: ") for line in text.split("\n") if line.startswith("data: ")][-1]
    told = json.loads(text)
    if "error" in told:
        return f"{status}, error of kind {told['error']['kind']}"
    return shown(told["b64_json"] if STREAM else told["data"][0]["b64_json"])


CLIENTS = {
    "openai": ask_openai,
    "google-genai": ask_google,
    "litellm": ask_litellm,
    "langchain": ask_langchain,
    "curl": ask_curl,
}


def kind_of(error):
    """Give our word, where the client keeps it."""
    body = getattr(error, "body", None) or getattr(error, "details", None) or {}
    inner = body.get("error", body) if isinstance(body, dict) else {}
    return inner.get("kind", "") if isinstance(inner, dict) else ""


def run():
    """Ask; tell what is raised."""
    try:
        return CLIENTS[NAME]()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is shown
        status = getattr(error, "status_code", None) or getattr(error, "code", "") or ""
        return " ".join(f"raises {type(error).__name__} {status} {kind_of(error)}".split())


if __name__ == "__main__":
    print(json.dumps(run()))
