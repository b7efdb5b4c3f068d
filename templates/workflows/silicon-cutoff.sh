#!/bin/bash
# Behind scf-CUTOFF: adds a calculation at the next cutoff if the energy has not settled.
step=4
cutoff=${CATENA_NODE#next-}
next=$((cutoff + step))
energy=$(catena get "scf-$cutoff.energy") || exit
if before=$(catena get "scf-$((cutoff - step)).energy" 2> /dev/null) &&
  awk "BEGIN { exit !($before - $energy < $CATENA_PARAM_tolerance) }"; then
  catena put "cutoff=$cutoff"
  exit
fi
catena extend - <<END
nodes:
  scf-$next:
    template: qe-pw
    params: {ecut: $next}
    inputs: [si.in]
    results:
      energy: {file: pw.out, regex: '^!\s+total energy\s+=\s+(\S+) Ry'}
  next-$next:
    after: scf-$next
    script: silicon-cutoff.sh
    workdir: next-$next
END
