#!/bin/sh
# make check: the simulator over a short range of seeds.
./tests/sim/txsim --seeds 1-1000 &&
    ./tests/sim/txsim --count &&
    exec ./tests/sim/txsim --seeds 1-190 --mode paxos # too few to ask for every kind of fault
