"""`pixroute explain`."""


def test_the_built_in_chain_is_explained_without_a_key(pixroute):
    """Nothing is sent, so nothing is needed; the table is the planner's own."""
    run = pixroute("explain", "--size", "4K", "--plaintext", "accept")

    assert (run.code, run.err) == (0, "")
    assert run.out.startswith(
        "No pixroute.toml here: using the built-in chain with APIYI_API_KEY.\n"
        "\n"
        "provider      size  cut after                     reserve  join after  price\n"
        "────────────────────────────────────────────────────────────────────────────\n"
        "banana-http   4K    600 s = P95 170 + 430 margin  44 s     375 s       $0.09\n"
        "banana-https  4K    600 s = P95 170 + 430 margin  44 s     375 s       $0.09\n"
        "seedream      4K    600 s = P95 27 + 573 margin   0 s      60 s        $0.04\n"
        "\n"
        "seedream: reserve 0, for nobody follows.\n"
        "Chain default: first start banana-http.\n"
        "Worst case: 674 s and $0.18.\n"
    )


def test_the_http_port_is_left_out_unless_accepted(pixroute):
    """There the key travels in clear, which only its owner can want."""
    run = pixroute("explain")

    assert "Its HTTP port is left out: there the key travels in clear (--plaintext accept)." in run.out
    assert "banana-http " not in run.out


def test_who_would_be_passed_over_is_said_with_the_reason(pixroute):
    """And several pictures are several parts, each at its price."""
    run = pixroute("explain", "--size", "1K", "-n", "3", "--sensitive", "--plaintext", "accept")

    assert "banana-http: is plaintext and the request is sensitive.\n" in run.out
    assert "Chain default, in 3 parts at once: first start banana-https." in run.out


def test_a_file_is_explained(pixroute, write_config, monkeypatch):
    """With its own times and prices."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config("seedream", 'attempt_timeout = { "4K" = 90 }\nprice = { "4K" = "0.02" }', name="own.toml")

    run = pixroute("explain", "-c", "own.toml", "--size", "4K")

    assert run.out.startswith("Using own.toml, as asked.\n")
    assert "90 s = P95 27 + 63 margin" in run.out
    assert "$0.02" in run.out
    assert "abcdef" not in run.out


def test_where_each_value_comes_from_is_said(pixroute, write_config, monkeypatch):
    """The nearest table that says it, the plugin, or the command's own option; and who a plugin has it from."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config("seedream", 'attempt_timeout = { "4K" = 90 }\nhedge_after = "off"\n[policy]\nmax_attempts = 3')

    run = pixroute("explain", "--size", "4K", "--max-cost", "0.2")

    rows = {(words := line.split())[0]: words[1:] for line in run.out.splitlines() if line}
    assert rows["attempt_timeout"] == ["90", "s", "all", "[providers.a]"]
    assert rows["hedge_after"] == ["off", "all", "[providers.a]"]
    assert rows["price"][:3] == ["of", "a:", "BytePlus's"]
    assert rows["max_attempts"] == ["3", "[policy]"]
    assert rows["max_cost"] == ["0.2", "--max-cost"]
    assert rows["timeout"] == ["computed", "default"]


def test_providers_of_which_the_same_is_said_stand_together(pixroute):
    """Each row tells for whom it is."""
    run = pixroute("explain", "--size", "4K", "--plaintext", "accept")

    assert (
        "latency              120, 170, 250  banana-http   its plugin\n"
        "                                    banana-https\n"
    ) in "\n".join(line.rstrip() for line in run.out.splitlines())


def test_nothing_is_started_to_be_explained(pixroute, write_config, monkeypatch, folder):
    """No store is made, and no process is counted in a fleet, for somebody who only asks."""
    monkeypatch.setenv("KEY", "abcdef")
    write_config("seedream", '[shared]\nstore = "state.db"')

    run = pixroute("explain")

    assert run.code == 0
    assert [path.name for path in folder.iterdir()] == ["pixroute.toml"]
