# Copyright (C) the nginx-reauth authors
#
# Each target is a program in tools/; "./run" calls the same programs, and
# "./run help" describes them.  TESTS: the files for test, asan and valgrind.
# ARGS: the arguments of all others, as in make bench ARGS=gate.  DESTDIR,
# PREFIX and MODULES: see tools/install.

COMMANDS = bench board build callers-token chaos compose-test contract cross \
           dashboard deb deb-test demo down faults fuzz help lint matrix \
           setup simulate

all: build token

token:
	./tools/build-token

test valgrind asan:
	./tools/$@ $(TESTS)

check: test

install $(COMMANDS):
	./tools/$@ $(ARGS)

clean:
	rm -rf build

.PHONY: all asan check clean install test token valgrind $(COMMANDS)
