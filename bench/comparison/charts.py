"""Bar charts as SVG: a panel for each scenario, a bar for each proxy, millrace's in colour."""

from html import escape

from comparison.report import number, title_of

PANEL_WIDTH, NAME_WIDTH, VALUE_WIDTH, COLUMNS = 380, 72, 76, 2
BAR, GAP, HEAD, MARGIN = 16, 7, 34, 24
STYLE = """
  text { font: 13px system-ui, sans-serif; fill: #24292f }
  .title { font-size: 17px; font-weight: 600 }
  .panel { font-weight: 600 }
  .note, .value { fill: #57606a; font-size: 12px }
  .name { text-anchor: end }
  .bar { fill: #b6bec8 }
  .tail { fill: #dde2e8 }
  .own .bar { fill: #1f6feb }
  .own .tail { fill: #a9cbfa }
  .own .name { font-weight: 600 }
  .paper { fill: #fff }
"""


def bars(rows, x, y, label):
    """Rows of (peer, value, larger value or None)."""
    most = max(max(value, tail or 0) for _, value, tail in rows)
    length = PANEL_WIDTH - NAME_WIDTH - VALUE_WIDTH
    out = []
    for index, (peer, value, tail) in enumerate(rows):
        top = y + index * (BAR + GAP)
        baseline = top + BAR / 2 + 4.5
        width = length * value / most if most > 0 else 0
        whole = length * (tail or value) / most if most > 0 else 0
        out.append(f'<g class="{"own" if peer == "millrace" else "peer"}">')
        out.append(f'<text class="name" x="{x + NAME_WIDTH - 8}" y="{baseline}">'
                   f'{escape(title_of(peer))}</text>')
        if tail:
            out.append(f'<rect class="tail" x="{x + NAME_WIDTH}" y="{top}" width="{whole:.1f}" '
                       f'height="{BAR}"/>')
        out.append(f'<rect class="bar" x="{x + NAME_WIDTH}" y="{top}" width="{max(width, 1):.1f}" '
                   f'height="{BAR}"/>')
        out.append(f'<text class="value" x="{x + NAME_WIDTH + whole + 6:.1f}" y="{baseline}">'
                   f'{escape(label(value, tail))}</text></g>')
    return out


def chart(title, note, panels, label):
    """Panels are (title, rows)."""
    height_of = [HEAD + len(rows) * (BAR + GAP) for _, rows in panels]
    heights = [max(height_of[i:i + COLUMNS]) for i in range(0, len(panels), COLUMNS)]
    columns = min(COLUMNS, len(panels))
    width = max(MARGIN + columns * (PANEL_WIDTH + MARGIN), 600)
    height = 72 + sum(heights) + MARGIN * len(heights)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
           f'width="{width}" height="{height}" role="img">', f"<title>{escape(title)}</title>",
           f"<style>{STYLE}</style>",
           f'<rect class="paper" width="{width}" height="{height}"/>',
           f'<text class="title" x="{MARGIN}" y="34">{escape(title)}</text>',
           f'<text class="note" x="{MARGIN}" y="54">{escape(note)}</text>']
    for index, (name, rows) in enumerate(panels):
        x = MARGIN + index % COLUMNS * (PANEL_WIDTH + MARGIN)
        y = 72 + sum(heights[:index // COLUMNS]) + MARGIN * (index // COLUMNS)
        out.append(f'<text class="panel" x="{x}" y="{y + 18}">{escape(name)}</text>')
        out += bars(rows, x, y + HEAD, label)
    return "\n".join([*out, "</svg>"]) + "\n"


def panels_of(results, value, tail=None, memory=False):
    panels = []
    for scenario in results["scenarios"]:
        summary = results["summary"][scenario["key"]]
        rows = [(peer, figures[value], figures[tail] if tail else None)
                for peer, figures in summary.items() if value in figures]
        if bool(scenario["idle"]) == memory and rows:
            panels.append((scenario["title"], rows))
    return panels


def charts(results):
    """Texts by file name; what was not measured has none."""
    made = {}
    cpu = panels_of(results, "cpu_us")
    if cpu:
        made["cpu.svg"] = chart("CPU time for a request, µs", "less is better", cpu,
                                lambda value, _: number(value))
    latency = panels_of(results, "p50_us", "p99_us")
    if latency:
        made["latency.svg"] = chart("Latency at full load, ms: median, and 99th percentile behind it",
                                    "less is better; each proxy at its own highest rate", latency,
                                    lambda value, tail: f"{number(value / 1e3)} / "
                                                        f"{number(tail / 1e3)}")
    memory = [("KiB after the start",
               [(peer, value / 1024, None) for _, rows in panels_of(results, "idle_bytes", None, True)
                for peer, value, _ in rows]),
              ("bytes for an idle connection",
               [row for _, rows in panels_of(results, "bytes_per_connection", None, True)
                for row in rows])]
    if memory[0][1]:
        made["memory.svg"] = chart("Memory", "less is better; proportional set size", memory,
                                   lambda value, _: number(value))
    return made
