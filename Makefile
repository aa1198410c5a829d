# Copyright (C) the nginx-reauth authors
#
# Each target is a program in tools/; "./run" calls the same programs, and
# "./run help" describes them.  TESTS: the files for test and valgrind.
# DESTDIR, PREFIX and MODULES: see tools/install.

all: build token

token:
	./tools/build-token

test valgrind asan:
	./tools/$@ $(TESTS)

check: test

build lint fuzz faults contract bench demo down setup simulate install help:
	./tools/$@

clean:
	rm -rf build

.PHONY: all asan bench build check clean contract demo down faults fuzz help \
    install lint setup test token valgrind
