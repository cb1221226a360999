#!/bin/sh
# faults.sh SHARED [KILLS]: prove the durability contract from outside with the fault harnesses; `inbox` must be on the path.
# The last result stands in docs/durability.md.
set -u
shared=$1
kills=${2:-50}
[ -d "$shared/faults" ] || { echo "no fault harnesses in $shared/faults: set INBOX_SHARED"; exit 2; }
here=$(mktemp -d)
trap 'rm -rf "$here"' EXIT
cat > "$here/rules.yaml" <<'YAML'
version: 1
domains: [local.test]
rules: []
default: [store]
YAML
serve="inbox serve --smtp 127.0.0.1:{port} --dir {dir} --rules $here/rules.yaml"
ids="inbox list --ids --dir {dir}"
python="python3"
status=0
say() { printf '\n== %s\n' "$*"; }

say "kill -9, $kills times, under load"
$python "$shared/faults/kill9.py" --kills "$kills" --server "$serve" --ids "$ids" --up 1.0 2.5 || status=1
say "the control must lose mail"
$python "$shared/faults/kill9.py" --control --kills 10 \
  --server "$python $shared/faults/wrong_server.py --port {port} --db {dir}/m.db --wrong ack-first" \
  --ids "$python $shared/faults/reference_server.py --db {dir}/m.db --list" || status=1
if command -v strace >/dev/null; then
  say "power cut at every acknowledgement"
  $python "$shared/faults/powercut.py" --server "$serve --workers 0" --ids "$ids" || status=1
else
  echo "skipped: power cut (no strace)"
fi
say "full disk"
(cd "$shared/faults" && INBOX_LIMITS__MIN_FREE=0 sh enospc.sh -s "$serve --workers 0" -i "$ids") || status=1
exit $status
