"""What the runs add up to: medians, tables in Markdown, and README's block."""

import pathlib
import re
import statistics

ROOT_DIR = pathlib.Path(__file__).resolve().parents[2]
BEGIN = "<!-- bench/compare --readme writes from here -->"
END = "<!-- to here -->"
NAMES = {"haproxy": "HAProxy", "apache": "Apache", "caddy": "Caddy", "h2o": "H2O"}
REFERENCE = "nginx"
FIGURES = ("cpu_us", "requests_per_second", "p50_us", "p90_us", "p99_us", "p999_us", "idle_bytes",
           "bytes_per_connection")


def title_of(peer):
    return NAMES.get(peer, peer)


def summarise(runs):
    """Medians over the rounds, and shares of nginx's: {scenario: {peer: {figure: value}}}."""
    grouped = {}
    for run in runs:
        good = grouped.setdefault(run["scenario"], {}).setdefault(run["peer"], [])
        if "failed" not in run:
            good.append(run)
    summary = {}
    for scenario, peers in grouped.items():
        summary[scenario] = {
            peer: {figure: statistics.median(run[figure] for run in good)
                   for figure in FIGURES if good and figure in good[0]}
            for peer, good in peers.items()}
        reference = summary[scenario].get(REFERENCE, {})
        for figures in summary[scenario].values():
            for figure in ("cpu_us", "bytes_per_connection"):
                if figure in figures and reference.get(figure, 0) > 0:
                    figures[figure + "_ratio"] = figures[figure] / reference[figure]
    return summary


def number(value):
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(value_us):
    return number(value_us / 1000)


def with_ratio(figures, figure, text):
    ratio = figures.get(figure + "_ratio")
    return text if ratio is None else f"{text} ({ratio:.2f})"


def table(results, head, cell, memory=False):
    """A row for each scenario, a column for each peer; a peer without figures has a dash."""
    peers = [peer for peer, version in results["versions"].items() if version]
    lines = [f"| {head} | " + " | ".join(map(title_of, peers)) + " |",
             "| --- |" + " ---: |" * len(peers)]
    for scenario in results["scenarios"]:
        if bool(scenario["idle"]) != memory:
            continue
        summary = results["summary"][scenario["key"]]
        cells = [cell(summary[peer]) if summary.get(peer) else "–" for peer in peers]
        lines.append(f"| {scenario['title']} | " + " | ".join(cells) + " |")
    return lines if len(lines) > 2 else []


def memory_table(results, head):
    rows = table(results, head, lambda f: with_ratio(f, "bytes_per_connection",
                                                     number(f["bytes_per_connection"])), True)
    idle = table(results, head, lambda f: number(f["idle_bytes"] / 2**20), True)
    return rows[:2] + [row.replace("idle connections", "bytes for an idle connection")
                       for row in rows[2:]] + [row.replace("idle connections", "MiB after the start")
                                               for row in idle[2:]]


def cpu_table(results):
    return table(results, "CPU for a request, µs (share of nginx's)",
                 lambda f: with_ratio(f, "cpu_us", number(f["cpu_us"])))


def conditions(results):
    machine, options = results["machine"], results["options"]
    return (f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, Linux "
            f"{machine['kernel']}, millrace {results['commit']}, {results['started'][:10]}; "
            + (f"medians of {options['rounds']} rounds" if options["rounds"] > 1 else "one round")
            + f" of {options['seconds']} s")


def page(results):
    """The whole report as Markdown."""
    missing = [title_of(peer) for peer, version in results["versions"].items() if not version]
    versions = "\n".join(f"- {title_of(peer)}: {version}"
                         for peer, version in results["versions"].items() if version)
    failed = sorted({f"- {title_of(run['peer'])}, {run['scenario']}: {run['failed']}"
                     for run in results["runs"] if "failed" in run})
    others = [run["others"] for run in results["runs"] if "others" in run]
    parts = [
        f"# {results['name']}", conditions(results) + ".",
        "One worker on one core; the load (wrk, closed loop, 64 connections unless it says "
        "otherwise) and the application (`millrace demo --application`) on another. CPU time is "
        "the proxy's user and system time from /proc over the measured time, divided by the "
        "requests answered. Where load and application do not keep up, a proxy has spare time and "
        "joins less work: its figure is then higher than at its own limit.",
        "\n".join(cpu_table(results)),
        "\n".join(table(results, "Latency at full load, p50 / p99, ms",
                        lambda f: f"{milliseconds(f['p50_us'])} / {milliseconds(f['p99_us'])}")),
        "\n".join(table(results, "Requests per second",
                        lambda f: number(f["requests_per_second"]))),
        "\n".join(memory_table(results, "Memory (share of nginx's)")),
    ]
    if others:
        parts.append(f"Other processes used {100 * statistics.median(others):.1f} % of the two "
                     f"cores meanwhile (median), {100 * max(others):.1f} % at most.")
    parts += ["## Versions", versions]
    if missing:
        parts.append("Not installed: " + ", ".join(missing) + ".")
    if failed:
        parts += ["## Runs without figures", "\n".join(failed)]
    charts = [name for name in ("cpu.svg", "latency.svg", "memory.svg") if name in results["charts"]]
    parts += ["## Charts", "\n".join(f"![{name[:-4]}]({name})" for name in charts),
              "## Command", "```\n" + results["command"] + "\n```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def readme_block(results, folder):
    lines = cpu_table(results)
    memory = memory_table(results, "")
    lines += [row.replace("bytes for an idle", "Memory of an idle").replace(
        "MiB after", "MiB of memory after").replace("connection |", "connection, bytes |", 1)
        for row in memory[2:]]
    return "\n".join([*lines, "", conditions(results) + f". [All figures]({folder}/README.md)."])


def write_readme(results, folder):
    """Replaces what is between the marks in README.md."""
    readme = ROOT_DIR / "README.md"
    text = readme.read_text(encoding="utf-8")
    found = re.search(f"{re.escape(BEGIN)}.*?{re.escape(END)}", text, re.DOTALL)
    if not found:
        raise SystemExit(f"bench/compare: README.md has no block between {BEGIN} and {END}")
    block = f"{BEGIN}\n{readme_block(results, folder)}\n{END}"
    readme.write_text(text[:found.start()] + block + text[found.end():], encoding="utf-8")
