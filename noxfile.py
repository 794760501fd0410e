"""The gates: `nox` runs those that CI runs."""

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from pathlib import Path

import nox


def _starts(python: str) -> bool:
    """Tell an interpreter from a shim that stands for none."""
    found = shutil.which(python)
    return found is not None and subprocess.run([found, "-V"], check=False, capture_output=True).returncode == 0  # noqa: S603


LATER = [version for version in ("3.12", "3.13", "3.14") if _starts(f"python{version}")]
nox.options.sessions = ["lint", "types", "tests", "oldest", "package", "example", "site"]
nox.options.sessions += ["pythons"] if LATER else []
nox.options.default_venv_backend = "venv"
nox.options.reuse_existing_virtualenvs = True

HERE = Path(__file__).parent
# Three share two cores, for much of the time is waiting. In the order of the files: the longest ones have the fewest
# tests, and would come last.
WORKERS = ("-n", "3", "--dist", "loadfile", "--no-loadscope-reorder")
MOST_DISTRIBUTIONS = 15
DISTRIBUTIONS = sorted(HERE.glob("examples/pixroute-*/"))


@nox.session
def lint(session: nox.Session) -> None:
    """Style: ruff, formatter included."""
    session.install("ruff>=0.9")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Types: mypy strict over router, plugins and the typed examples."""
    session.install("mypy>=1.15", "-e", ".[test,simulate]")
    session.run("mypy")
    session.run("mypy", *map(str, sorted(HERE.glob("examples/*.py"))))
    session.run("mypy", "docs/generate.py", env={"MYPYPATH": "docs"})
    for folder in DISTRIBUTIONS:
        session.run("mypy", str(folder), env={"MYPYPATH": str(folder)})


@nox.session
def tests(session: nox.Session) -> None:
    """Everything but benchmarks, by three workers; extra arguments go to pytest."""
    session.install("-e", ".[test,simulate]")
    session.run("pytest", *WORKERS, *session.posargs)


@nox.session(python=LATER)
def pythons(session: nox.Session) -> None:
    """What is not slow, on every later Python that is installed."""
    session.install("-e", ".[test,simulate]")
    session.run("pytest", "-m", "not slow", *WORKERS, *session.posargs)


@nox.session
def oldest(session: nox.Session) -> None:
    """The wire, over the oldest aiohttp that is allowed: its inner names are leant on."""
    wanted = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["dependencies"]
    lowest = next(match[1] for each in wanted if (match := re.match(r"aiohttp>=([\d.]+)", each)))
    session.install("-e", ".[cli,testing]", "hypothesis", "pytest-xdist", f"aiohttp=={lowest}")
    session.run("pytest", "-m", "not slow", *WORKERS, "tests/http")
    wires = sorted({*HERE.glob("tests/plugins/test_*over_the_wire.py")} - {*HERE.glob("tests/plugins/test_tokens_*")})
    session.run("pytest", *WORKERS, *map(str, wires))  # tokens are google-auth's, which is not installed here


@nox.session
def package(session: nox.Session) -> None:
    """What a user installs: how many distributions, what the wheel holds, that the command starts."""
    session.install("build")
    with tempfile.TemporaryDirectory() as folder:
        session.run("python", "-m", "build", "--wheel", "--outdir", folder, str(HERE), silent=True)
        wheel = next(Path(folder).glob("*.whl"))
        _check_wheel(session, wheel)
        fresh = Path(folder) / "fresh"
        session.run(sys.executable, "-m", "venv", str(fresh), external=True)
        python = str(fresh / "bin" / "python")
        session.run(python, "-m", "pip", "install", "-q", str(wheel), external=True)
        listed = session.run(python, "-m", "pip", "list", "--format=freeze", external=True, silent=True)
        names = [line.split("==")[0] for line in str(listed).splitlines() if "==" in line]
        brought = [name for name in names if name not in ("pip", "setuptools")]
        session.log(f"{len(brought)} distributions: {', '.join(brought)}")
        if len(brought) > MOST_DISTRIBUTIONS:
            session.error(f"more than {MOST_DISTRIBUTIONS} distributions")
        session.run(python, "-c", "import pixroute; pixroute.Router", external=True)


def _check_wheel(session: nox.Session, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    packages = {name.split("/")[0] for name in names if ".dist-info" not in name}
    strange = sorted(name for name in packages if not name.startswith("pixroute"))
    untyped = sorted(name for name in packages if f"{name}/py.typed" not in names)
    if strange or untyped:
        session.error(f"the wheel holds {strange} that is not ours, and no py.typed in {untyped}")
    session.log(f"the wheel holds {', '.join(sorted(packages))}, each with py.typed")


@nox.session
def example(session: nox.Session) -> None:
    """What an author does: builds a distribution, installs it beside pixroute, tests it, routes through it."""
    with tempfile.TemporaryDirectory() as folder:
        session.install("build")
        for source in (HERE, *DISTRIBUTIONS):
            session.run("python", "-m", "build", "--wheel", "--outdir", folder, str(source), silent=True)
        fresh = Path(folder) / "fresh"
        session.run(sys.executable, "-m", "venv", str(fresh), external=True)
        python, wheels = str(fresh / "bin" / "python"), map(str, Path(folder).glob("*.whl"))
        session.run(python, "-m", "pip", "install", "-q", *wheels, "pytest", external=True)
        for source in DISTRIBUTIONS:
            session.run(python, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(source), external=True)
        session.run(python, "-m", "pip", "check", external=True)


@nox.session
def site(session: nox.Session) -> None:
    """The documentation as a site in build/site; a link that leads nowhere ends it."""
    session.install("-e", ".[site]")
    session.run("sphinx-build", "-q", "-W", "--keep-going", "-b", "dirhtml", "docs", "build/site")
    session.log("build/site/index.html")


@nox.session
def benchmarks(session: nox.Session) -> None:
    """Measures overhead, memory and stalls as ratios to bare aiohttp; not part of CI."""
    session.install("-e", ".[test,simulate]")
    session.run("python", "tests/benchmarks/run.py", *session.posargs)


@nox.session
def clients(session: nox.Session) -> None:
    """Asks the gateway by every official client and writes what they show; needs Node and npm, not part of CI."""
    session.install("-e", ".[test]")
    folder = Path(session.create_tmp())
    python = folder / "python" / "bin" / "python"
    session.run(sys.executable, "-m", "venv", str(folder / "python"), external=True)
    wanted = HERE / "tests" / "clients"
    pinned = ("--no-deps", "--require-hashes", "-r", str(wanted / "litellm.txt"))  # 1.82.7 and 1.82.8 were poisoned
    session.run(str(python), "-m", "pip", "install", "-q", *pinned, external=True)
    others = ("litellm", "langchain-openai>=1.7", "google-genai>=1.20", "openai>=1.50")
    session.run(str(python), "-m", "pip", "install", "-q", *others, external=True)
    shutil.copy(wanted / "package.json", folder)
    session.run("npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), external=True)
    session.run("python", str(wanted / "run.py"), str(python), str(folder), "docs/serve-clients.md")


@nox.session
def buckets(session: nox.Session) -> None:
    """Pictures in a bucket that speaks S3, by a server of moto's in an environment of its own; not part of CI."""
    session.install("-e", ".[test]")
    server = Path(session.create_tmp()) / "moto"
    session.run(sys.executable, "-m", "venv", str(server), external=True)
    session.run(str(server / "bin" / "python"), "-m", "pip", "install", "-q", "moto[s3,server]>=5", external=True)
    env = {"PIXROUTE_S3_SERVER": str(server / "bin" / "moto_server")}
    session.run("pytest", "tests/serve/test_bucket.py", *session.posargs, env=env)


@nox.session
def hostile(session: nox.Session) -> None:
    """Ten minutes of schemathesis over what the gateway says of itself; not part of CI."""
    session.install("-e", ".[test]", "schemathesis>=4.22")
    session.run("python", "tests/fuzz/fuzz_gateway.py", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Eight processes for five minutes with faults in upstreams and store; wants PostgreSQL, not part of CI."""
    session.install("-e", ".[test,postgres]")
    session.run("python", "tests/soak/fleet.py", *session.posargs)


@nox.session
def mutants(session: nox.Session) -> None:
    """Mutation testing of plan, health, money, life and ending; takes long, not part of CI."""
    session.install("-e", ".[test,simulate]", "cosmic-ray>=8.3")
    session.run("python", "tests/mutation/run.py", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """Fuzz the decoder, the codecs and the judging, ten minutes each; not part of CI."""
    session.install("-e", ".[test,simulate]")
    session.run("python", "tests/fuzz/fuzz_body.py", *session.posargs)
    session.run("python", "tests/fuzz/fuzz_codecs.py", *session.posargs)
    session.run("python", "tests/fuzz/fuzz_judging.py", *session.posargs)
