#!/bin/sh
# bench.sh SHARED: the side-by-side benchmarks, all peers that are installed taking turns; `inbox` must be on the path.
set -u
shared=$1
here=$(cd "$(dirname "$0")" && pwd)
[ -d "$shared/bench" ] || { echo "no benchmarks in $shared/bench: set INBOX_SHARED"; exit 2; }
cd "$shared/bench" || exit 2
for scenario in accept-5k-50-reused accept-5k-50-new accept-15k-50; do
  python3 compare.py --scenario $scenario --rounds 3 --peers postfix,haraka,aiosmtpd,obvious,inbox \
    --inbox-cmd 'inbox serve --smtp 127.0.0.1:{port} --dir {dir} --rules {rules} --workers 0' \
    --stored-cmd 'inbox list --dir {dir} --count'
done
python3 compare.py --scenario sustained --rounds 2 --peers obvious,inbox \
  --inbox-cmd 'inbox serve --smtp 127.0.0.1:{port} --dir {dir} --rules {rules}' \
  --stored-cmd 'inbox list --dir {dir} --count' --settled-cmd 'inbox list --dir {dir} --count --state settled'
python3 "$here/sustained.py" "$shared"
python3 rules_speed.py --rules 100,1000,10000
python3 parse_speed.py
python3 "$here/parsing.py" "$shared"
