#!/bin/sh
# Records what Puppet says of passing and failing runs: console log, report and exit code of each manifest here.
# Harmless: it writes below /tmp/cloudify-scipion-case only. Run it again when Puppet's version changes.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
case=/tmp/cloudify-scipion-case
rm -rf "$case"
mkdir -p "$case/code/modules" "$case/target"
cp -r "$here/modules/demo" "$case/code/modules/"
for run in changes nothing fails does-not-compile; do
    code=0
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$case" LC_ALL=C.UTF-8 FACTER_run="$run" \
        puppet apply --detailed-exitcodes --color=false --no-show_diff --logdest=console --certname=machine \
        --vardir="$case/var" --confdir="$case/conf" --modulepath="$case/code/modules" \
        --lastrunreport="$case/last_run_report.yaml" -e 'include demo' >"$here/$run.log" 2>&1 || code=$?
    sed -i '/Facter: Permission denied/d' "$here/$run.log" # of the host that records, where it has no /proc/1
    echo "$code" >"$here/$run.code"
    rm -f "$here/$run.yaml"
    if [ -f "$case/last_run_report.yaml" ]; then mv "$case/last_run_report.yaml" "$here/$run.yaml"; fi
    chmod 644 "$here/$run".*
done
rm -rf "$case"
