#!/bin/sh
# make check: the simulator over a short range of seeds, in each mode; too few to ask for every kind of fault.
set -e
./tests/sim/txsim --seeds 1-1000
./tests/sim/txsim --count
./tests/sim/txsim --seeds 1-190 --mode paxos
./tests/sim/txsim --seeds 1-300 --mode 3pc
./tests/sim/txsim --seeds 1-300 --members-alone
# The whole group gone for good: whoever has a majority of members ends by itself, in two-phase commit it blocks.
./tests/sim/txsim --seeds 1-150 --mode 3pc --group-gone
! ./tests/sim/txsim --seeds 1-60 --mode 2pc --group-gone > group-gone.out
blocked=$(grep -c '^seed .*: blocked:' group-gone.out)
rm group-gone.out
test "$blocked" -gt 0
# The textbook's rule tears on both schedules, that of a majority on neither.
for schedule in partition leader-dies; do
    ./tests/sim/txsim --schedule $schedule --termination quorum
    said=$(./tests/sim/txsim --schedule $schedule --termination timeout) && exit 1
    case $said in
    *torn*) ;;
    *) exit 1 ;;
    esac
done
