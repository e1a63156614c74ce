# Shared by the scripts; they source it after changing to the root of the project.

# Builds targets of a directory; the compiler's words are shown on a terminal, or when it fails.
build() {
  local dir=build/$1 log
  shift
  if [ -t 1 ]; then
    ninja -C "$dir" "$@"
    return
  fi
  log=$(mktemp)
  if ! ninja -C "$dir" "$@" >"$log" 2>&1; then
    grep -v '^\[[0-9]*/[0-9]*\] \(Compiling\|Linking\)' "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
