# tcmud is built, tried and tested from here; "make run" is the quick look.
# Set-up is part of each target: what is missing on this host is installed with
# apt when root, else named with the command to run.

FUZZTIME ?= 30s
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)

# The virtual machine: a command runs in it as root, on Debian's stock kernel.
BOOT := go run ./vm/boot
PROGRAMS := --add bin/tcmud --add bin/tcmuctl --add cmd/tcmud/tcmud.service --add cmd/internal/dbus/org.kernel.TCMUService1.tcmud.conf
# Whether the running kernel will do: it has TCMU, and we may use it.
NATIVE := [ "$$(id -u)" = 0 ] && { [ -d /sys/module/target_core_user ] || modprobe -nq target_core_user; } 2>/dev/null
IN_VM := echo "No root or no TCMU in the running kernel (target_core_user): doing it in a virtual machine."
# The race detector is a C library.
RACE := gcc,libc6-dev
# What reads our manual pages and completion scripts.
READERS := mandoc,zsh,fish

# Where "make install" puts things; DESTDIR is put before all of it.
PREFIX ?= /usr/local
UNITDIR ?= $(PREFIX)/lib/systemd/system
# dbus-daemon reads no policy below /usr/local.
DBUSDIR ?= /usr/share/dbus-1/system.d

.PHONY: build install run shell test unit race vmtest racevm crowd churn soak powercut model coverage golden fuzz bench bench-native docs lint vuln setup clean

# Static, so that a binary runs on any distribution and in the VM alike.
build:
	CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)" -o bin/ ./cmd/tcmud ./cmd/tcmuctl

# Programs, unit, manual pages, completion, and what lets us own our name on the
# system bus. Nothing is started: that takes "systemctl enable --now tcmud".
install: build
	install -D -t $(DESTDIR)$(PREFIX)/sbin bin/tcmud bin/tcmuctl
	install -D -m 644 -t $(DESTDIR)$(DBUSDIR) $(wildcard cmd/internal/dbus/*.conf)
	install -D -m 644 -t $(DESTDIR)$(UNITDIR) cmd/tcmud/tcmud.service
	sed -i -E 's,^(ExecStart|ExecReload)=/usr/sbin/,\1=$(PREFIX)/sbin/,' $(DESTDIR)$(UNITDIR)/tcmud.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man8 $(wildcard docs/man/*.8)
	install -D -m 644 cmd/tcmuctl/completion/tcmuctl.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/tcmuctl
	install -D -m 644 cmd/tcmuctl/completion/tcmuctl.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_tcmuctl
	install -D -m 644 cmd/tcmuctl/completion/tcmuctl.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/tcmuctl.fish

# Two disks, from nothing to data that compares equal, and away again.
run: build
	@if $(NATIVE); then $(BOOT) --require lsscsi && PATH="$(CURDIR)/bin:$$PATH" vm/demo.sh; \
	else $(IN_VM); $(BOOT) $(PROGRAMS) --add vm/demo.sh -- demo.sh; fi

# The same two disks, and a root shell to try things with.
shell: build
	@if $(NATIVE); then $(BOOT) --require lsscsi && PATH="$(CURDIR)/bin:$$PATH" vm/demo.sh --shell; \
	else $(IN_VM); $(BOOT) $(PROGRAMS) --add vm/demo.sh --shell -- demo.sh --shell; fi

# All that must pass, quickest first. The unit tests run twice: what counts
# allocations cannot run under the race detector.
test: lint unit race vmtest

# No root, no VM, no C compiler: for every save.
unit:
	go test ./...

# The same tests with the race detector.
race:
	@$(BOOT) --require $(RACE)
	CGO_ENABLED=1 go test -race ./...

# Against the real kernel: the ring and the configuration on their own (tcmu,
# lio), then the programs (vm/guest). A complaint in the guest's kernel log fails
# the run, and so does a run of no tests. What one that has failed leaves is no
# fault of the next. The limits are for what hangs: an idle host of two
# processors without KVM takes ten minutes.
vmtest: build
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest ./tcmu ./tcmu/uring ./lio
	CGO_ENABLED=0 go build -trimpath -o build/ ./vm/conformance ./vm/powercut
	build/powercut --cuts 1 --add bin/tcmud --add bin/tcmuctl
	$(BOOT) $(PROGRAMS) --add build/guest.test --add build/tcmu.test --add build/lio.test --add build/uring.test --add build/conformance --add build/powercut \
		--scratch 2GiB --timeout 75m --count-tests -- sh -c 'failed=; \
		try() { "$$@" || { failed=1; timeout 60 tcmuctl clearconfig confirm=true; }; }; \
		try uring.test -test.v -test.timeout 10m; \
		try tcmu.test -test.v -test.run "Guest|Engine|Pending" -test.timeout 10m; \
		try lio.test -test.v -test.run Guest -test.timeout 10m; \
		try guest.test -test.v -test.timeout 50m; [ ! $$failed ]'

# tcmud with the race detector, on the real kernel, under fio that checks what it
# writes, restarts, aborts and resets. (A data race ends tcmud with status 66.)
racevm: build
	@$(BOOT) --require $(RACE)
	CGO_ENABLED=1 go build -race -tags netgo,osusergo -trimpath -ldflags "-X main.version=$(VERSION) -linkmode external -extldflags -static" -o build/race/ ./cmd/tcmud
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest
	$(BOOT) --add build/race/tcmud --add bin/tcmuctl --add build/guest.test --scratch 2GiB --timeout 25m --count-tests -- \
		guest.test -test.v -test.timeout 24m -test.run 'TestDataIsRight|TestRestartUnderLoad|TestAborts|TestStoreThatHangs|TestReplacedUnderLoad|TestLinearizable'

# Five hundred disks on one target, made, listed, saved, cleared and restored,
# and a thousand units without one, idle, killed, replaced and ended; vmtest does
# the same with fewer. Some quarter of an hour without KVM.
crowd: build
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest
	$(BOOT) $(PROGRAMS) --add build/guest.test --env TCMUD_CROWD=500 --scratch 2GiB --timeout 25m --count-tests -- \
		guest.test -test.v -test.timeout 24m -test.run 'TestManyDevices$$'
	$(BOOT) $(PROGRAMS) --add build/guest.test --env TCMUD_CROWD=1000 --scratch 2GiB --timeout 15m --count-tests -- \
		guest.test -test.v -test.timeout 14m -test.run 'TestManyUnits$$'

# Disks that come, are used by all fabrics, and go, ROUNDS times, beside tcmu-runner:
# nothing is left. vmtest does three rounds; five hundred take a quarter of an hour.
ROUNDS ?= 500
churn: build
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest
	$(BOOT) $(PROGRAMS) --add build/guest.test --env TCMUD_ROUNDS=$(ROUNDS) --scratch 2GiB --timeout 24h --count-tests -- \
		guest.test -test.v -test.timeout 24h -test.run 'TestChurnOfAllFabrics$$'

# tcmud killed again and again for TIME, and for as long replaced, while disks are
# written, read, checked and trimmed: no I/O error, and how long the pauses are.
# tcmu-runner the same way beside it. Then killed for TIME for each of three stores,
# while initiators collide: one order explains all that they were answered. vmtest
# kills tcmud 20 and 15 times, and replaces it 5.
TIME ?= 10m
soak: build
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest
	$(BOOT) $(PROGRAMS) --add build/guest.test --env TCMUD_SOAK=$(TIME) --scratch 2GiB --timeout 24h --count-tests -- \
		guest.test -test.v -test.timeout 24h -test.run 'KilledAgainAndAgain$$|TestReplacedUnderLoad$$|TestLinearizableThroughKills$$'

# The virtual machine's power cut CUTS times at random moments of a storm of
# registrations and one of data: what was answered as durable is there at the next
# start, and nothing is in part. A quarter of a minute each.
CUTS ?= 20
powercut: build
	CGO_ENABLED=0 go build -trimpath -o build/ ./vm/powercut
	build/powercut --cuts $(CUTS) --add bin/tcmud --add bin/tcmuctl

# Random commands against a byte map, over every store and block size, and against
# a model of reservations: STEPS of each. The unit tests send a few thousand.
STEPS ?= 1000000
model:
	go test ./sbc -count 1 -v -timeout 1h -run 'TestReservationModel$$' -rapid.checks $$(( $(STEPS) / 3000 )) -rapid.steps 100
	go test ./sbc -count 1 -v -timeout 1h -run 'TestModel$$' -rapid.checks $$(( $(STEPS) / 1000 )) -rapid.steps 100

# Outside test suites, on our disk and on those of others, and their section of
# docs/conformance.md. Over an hour without KVM; "make conformance
# SUITES='--targets thin/sd --tests SCSI.Read*'" runs a part, and writes nothing.
conformance: build
	CGO_ENABLED=0 go build -trimpath -o build/ ./vm/conformance
	rm -rf build/conformance.results
	$(BOOT) $(PROGRAMS) --add build/conformance --results build/conformance.results --scratch 2GiB --timeout 90m -- \
		conformance --results /results $(SUITES)
	[ "$(SUITES)" ] || build/conformance --from build/conformance.results/results.json --markdown docs/conformance.md >/dev/null

# Each row of the table, and how the tests have seen it end: docs/conformance.md.
coverage:
	go generate ./sbc
	@sed -n '/^## Rows and outcomes/,/^<!-- end/p' docs/conformance.md

# What sg3_utils print of a disk, written down anew in vm/guest/testdata.
golden: build
	CGO_ENABLED=0 go test -c -tags guest -o build/ ./vm/guest
	$(BOOT) $(PROGRAMS) --add build/guest.test --scratch 2GiB --results vm/guest/testdata -- guest.test -test.run 'TestSgUtils$$' -update

# Each fuzz target in turn, for FUZZTIME; seeds alone run with the unit tests.
fuzz:
	@set -e; for package in $$(go list ./...); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package; \
		done; \
	done

# Our disks, the kernel's, tcmu-runner's and the least that a TCMU handler can be,
# side by side in the VM: three quarters of an hour without KVM, results in bench/results.
# "make bench BENCH='--rounds 1 --targets rd_mcp,tcmud*'" measures a part, and
# leaves what it sees in build/bench.results only.
bench: build
	@$(BOOT) --require $(RACE)
	mkdir -p build
	gcc -O2 -Wall -Wextra -static -o build/ceiling bench/ceiling/ceiling.c
	CGO_ENABLED=0 go build -trimpath -o build/ ./bench/compare
	rm -rf build/bench.results
	$(BOOT) $(PROGRAMS) --add build/ceiling --add build/compare --results build/bench.results --scratch 2GiB --timeout 90m -- \
		compare --results /results $(BENCH)
	go run ./bench/publish build/bench.results/results.json
	[ "$(BENCH)" ] || { install -D -m 644 build/bench.results/results.json bench/results/compare.json; go run ./bench/publish; }

# What a command costs in the ring and the engine, without a kernel: COUNT times each, half a minute for one. For benchstat,
# "go test -run '^$$' -bench . ./tcmu" prints the same lines.
COUNT ?= 5
bench-native:
	go test -run '^$$' -bench 'Command$$|Stage|Rings' -benchmem -count $(COUNT) ./tcmu | go run ./bench/publish --native $(VERSION)

# The command table is the source of docs/commands.md.
docs:
	go generate ./...

# The guest's tests are behind a tag, and are linted all the same.
lint: build vuln
	@$(BOOT) --require $(READERS)
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "run gofmt -w on:" $$unformatted; exit 1; }
	go vet -tags guest ./...
	go tool staticcheck -tags guest ./...
	mandoc -T lint -W warning docs/man/*.8
	@set -e; for shell in bash zsh fish; do bin/tcmuctl completion $$shell | $$shell -n /dev/stdin; done

# Known vulnerabilities of what we are made of. Their database is on the network (GOVULNDB); where that is not, nothing is
# known of today's, and it says so.
vuln:
	@out=$$(go tool govulncheck ./... 2>&1) || case "$$out" in \
		*"fetching vulnerabilities"*) echo "govulncheck: $${GOVULNDB:-https://vuln.go.dev} cannot be reached, known vulnerabilities are not looked for";; \
		*) echo "$$out"; exit 1;; esac

# Everything that the targets above would fetch when first needed.
setup:
	$(BOOT) --setup --require $(RACE),$(READERS)

# The VM's image, outside this folder, stays: "boot --help" says where it is.
clean:
	rm -rf bin build
