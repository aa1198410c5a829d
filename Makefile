# Copyright (C) the nginx-reauth authors
#
# For habit: each target is a program in tools/, which "./run" calls as well and
# "./run help" describes.  TESTS: the files of test and valgrind; DESTDIR,
# PREFIX and MODULES: see tools/install.

all: build token

token:
	./tools/build-token

test valgrind asan:
	./tools/$@ $(TESTS)

check: test

build lint fuzz faults contract bench demo down setup install help:
	./tools/$@

clean:
	rm -rf build

.PHONY: all asan bench build check clean contract demo down faults fuzz help \
    install lint setup test token valgrind
