#!/usr/bin/env python3
"""Who may include whom. ARCHITECTURE.md has the reasons; a layer not in the table does not exist."""

import fnmatch
import re

import checker

PROXY = ["base", "buffer", "config", "io", "http", "fcgi", "route", "balance"]
LAYERS = {  # layer: what it may include besides itself, the standard library and the system
    "base": [],
    "buffer": ["base"],
    "config": ["base"],
    "io": ["base", "buffer"],
    "http": ["base", "buffer"],
    "fcgi": ["base", "buffer"],
    "route": ["base", "config"],
    "balance": ["base", "config"],
    "upstream": ["base", "buffer", "config", "io", "fcgi", "balance"],
    "proxy": PROXY + ["upstream"],
    "demo": ["base", "buffer", "config", "io", "http", "fcgi"],
    "server": PROXY + ["upstream", "proxy", "demo"],
}
FOREIGN = {  # headers of a library: the only files that may include them
    "liburing*": "src/io/uring_*",
    "llhttp*": "src/http/parser.cc",
    "toml++/*": "src/config/load*.cc",
    "CLI/*": "src/server/*.cc",
    "doctest/*": "tests/*",
    "benchmark/*": "bench/*",
}
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')


def wrong_layer(name, quoted, target):
    """Why a file in src may not include this, or nothing."""
    layer = name.split("/")[1]
    other = target.split("/")[0]
    if layer not in LAYERS:
        return f"{layer} is not in the table of layers"
    if other in LAYERS and other != layer and other not in LAYERS[layer]:
        return f"{layer} may not include {target}"
    if quoted and (other not in LAYERS or ".." in target):
        return f"write {target} as a layer and a file"
    return None


def check(root):
    for path, name in checker.files(root, ".h", ".cc", under=("src", "tests", "bench")):
        for number, line in checker.lines(path):
            found = INCLUDE.match(line)
            if not found:
                continue
            quoted, target = found[1] == '"', found[2]
            why = wrong_layer(name, quoted, target) if name.startswith("src/") else None
            for library, place in FOREIGN.items():
                if fnmatch.fnmatch(target, library) and not fnmatch.fnmatch(name, place):
                    why = f"{target} may be included only in {place}"
            if why:
                yield f"{name}:{number}: {why}"


SOUND = {
    "src/http/parser.cc": '#include "http/parser.h"\n#include <llhttp.h>\n#include "base/must.h"\n',
    "src/proxy/exchange.cc": '#include "fcgi/params.h"\n#include <sys/socket.h>\n',
    "tests/unit/http/parser_test.cc": "#include <doctest/doctest.h>\n",
}
FAULTS = {
    "layer above": ({"src/base/log.h": '#include "io/ring.h"\n'}, "base may not include io/ring.h"),
    "strangers": ({"src/http/a.h": '#include "fcgi/params.h"\n'}, "http may not include"),
    "angle brackets": ({"src/fcgi/a.h": "#include <http/parser.h>\n"}, "fcgi may not include"),
    "relative": ({"src/io/a.h": '#include "../base/fd.h"\n'}, "as a layer and a file"),
    "bare": ({"src/io/a.h": '#include "ring.h"\n'}, "as a layer and a file"),
    "new layer": ({"src/util/a.h": "#include <vector>\n"}, "not in the table"),
    "foreign": ({"src/proxy/a.cc": "#include <liburing.h>\n"}, "only in src/io/uring_*"),
    "foreign in tests": ({"tests/unit/a.cc": "#include <llhttp.h>\n"}, "only in src/http/parser.cc"),
    "test library": ({"src/base/a.cc": "#include <doctest/doctest.h>\n"}, "only in tests/*"),
}

if __name__ == "__main__":
    checker.run(check, SOUND, FAULTS)
