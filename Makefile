# make            build bin/ (two programs and their links)
# make install    install both [DESTDIR= PREFIX=/usr SYSCONFDIR=/etc]; make install-heartbeatd, install-drbdd: one
# make packages   a .deb and an .rpm of each in bin/packages [PACKAGES=DIR VERSION= FORMATS=deb]
# make demo       a two-node cluster on this machine: power cut, takeover, failback (root)
# make test       everything that a change must pass (root; installs what it needs)
# make demo-drbd  one disk on two machines, as the article shows it: first sync, file system, move, killed daemon, power cut (root)
# make check      the quick part, without root
# make e2e pair interop soak soak-drbd bench bench-drbd   single parts; see docs/architecture.md
# make interop-kernel   in a virtual machine: drbdd against the DRBD of a Linux kernel, and the clock set to other years (root; long without KVM)

PREFIX     = /usr
SYSCONFDIR = /etc
UNITDIR    = $(SYSCONFDIR)/systemd/system
UDEVDIR    = $(SYSCONFDIR)/udev/rules.d
SEEDS      = 100000

GO      = CGO_ENABLED=0 go
LDFLAGS = -s -w
COMMANDS = heartbeat cl_status hb_standby hb_takeover hb_mon hb_check hb_addnode hb_delnode hb_setweight hb_setsite \
	send_arp send_ua findif ResourceManager mach_down req_resource ha_clustermsg drbd-peer-outdater hb_whohas hb_wake

DRBD_COMMANDS = drbdadm drbdsetup drbdsetup-84 drbdsetup-83 drbdmeta drbd-overview

.PHONY: all build install install-heartbeatd install-drbdd packages clean demo demo-pair demo-drbd test check e2e pair interop soak soak-drbd bench bench-drbd fuzz vet unit sim units needs

all: build

build:
	@mkdir -p bin
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/heartbeatd ./heartbeatd
	@for c in $(COMMANDS); do ln -sf heartbeatd bin/$$c; done
	$(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/drbdd ./drbdd
	@for c in $(DRBD_COMMANDS); do ln -sf drbdd bin/$$c; done

# One program in LIBEXEC, everything else is a link to it, relative so that DESTDIR can be moved.
LIBEXEC   = $(PREFIX)/libexec/heartbeat
SHARE     = $(PREFIX)/share/heartbeat
IN_BIN    = cl_status hb_mon hb_check
IN_SBIN   = heartbeatd hb_whohas hb_wake
IN_LIBEXEC = heartbeat send_arp send_ua findif ha_clustermsg drbd-peer-outdater hb_whohas hb_wake
IN_SHARE  = hb_standby hb_takeover hb_addnode hb_delnode hb_setweight hb_setsite ResourceManager mach_down req_resource

# What stood at /etc before and was different is kept beside it as NAME.before.
KEEP = install -C --backup=simple -S .before

install: install-heartbeatd install-drbdd

install-heartbeatd: build
	install -d $(DESTDIR)$(LIBEXEC) $(DESTDIR)$(SHARE) $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/sbin \
		$(DESTDIR)$(SYSCONFDIR)/ha.d/resource.d $(DESTDIR)$(SYSCONFDIR)/ha.d/rc.d $(DESTDIR)/var/lib/heartbeat
	install -m 755 bin/heartbeatd $(DESTDIR)$(LIBEXEC)/.heartbeatd.new
	mv -f $(DESTDIR)$(LIBEXEC)/.heartbeatd.new $(DESTDIR)$(LIBEXEC)/heartbeatd
	for c in $(IN_LIBEXEC); do ln -sfn heartbeatd $(DESTDIR)$(LIBEXEC)/$$c; done
	for c in $(IN_SHARE); do ln -sfn ../../libexec/heartbeat/heartbeatd $(DESTDIR)$(SHARE)/$$c; done
	for c in $(IN_BIN); do ln -sfn ../libexec/heartbeat/heartbeatd $(DESTDIR)$(PREFIX)/bin/$$c; done
	for c in $(IN_SBIN); do ln -sfn ../libexec/heartbeat/heartbeatd $(DESTDIR)$(PREFIX)/sbin/$$c; done
	$(KEEP) -m 755 etc/ha.d/harc $(DESTDIR)$(SYSCONFDIR)/ha.d/harc
	$(KEEP) -m 644 etc/ha.d/shellfuncs $(DESTDIR)$(SYSCONFDIR)/ha.d/shellfuncs
	for f in etc/ha.d/rc.d/*; do $(KEEP) -m 755 $$f $(DESTDIR)$(SYSCONFDIR)/ha.d/rc.d/$${f##*/}; done
	for f in resource.d/*; do m=755; case $$f in */hafuncs|*/hto-mapfuncs) m=644;; esac; \
		$(KEEP) -m $$m $$f $(DESTDIR)$(SYSCONFDIR)/ha.d/resource.d/$${f##*/}; done
	$(KEEP) -D -m 755 etc/init.d/heartbeat $(DESTDIR)$(SYSCONFDIR)/init.d/heartbeat
	$(KEEP) -D -m 644 etc/systemd/heartbeat.service $(DESTDIR)$(UNITDIR)/heartbeat.service
	test -e $(DESTDIR)$(SYSCONFDIR)/default/heartbeat || install -D -m 644 etc/default/heartbeat $(DESTDIR)$(SYSCONFDIR)/default/heartbeat
	for f in etc/ha.d/samples/* docs/*.md; do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/heartbeatd/$${f##*/}; done
	for f in docs/man/drbd-peer-outdater.8 $(filter-out docs/man/drbd%,$(wildcard docs/man/*.[158])); do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/}; done

# drbdd and its links. What drbd-utils has in the place of a link is kept beside it as NAME.before. Samples of
# drbd.conf go to the documentation. LIBDRBDD is for the drbdadm of drbd-utils (drbdadm(8)).
LIBDRBDD = $(PREFIX)/lib/drbdd

install-drbdd: build
	install -d $(DESTDIR)$(PREFIX)/sbin $(DESTDIR)$(LIBDRBDD) $(DESTDIR)$(SYSCONFDIR)/drbd.d $(DESTDIR)/var/lib/drbd
	install -m 755 bin/drbdd $(DESTDIR)$(PREFIX)/sbin/.drbdd.new
	mv -f $(DESTDIR)$(PREFIX)/sbin/.drbdd.new $(DESTDIR)$(PREFIX)/sbin/drbdd
	for c in $(DRBD_COMMANDS); do f=$(DESTDIR)$(PREFIX)/sbin/$$c; \
		[ ! -e $$f ] || [ "$$(readlink $$f)" = drbdd ] || { echo "kept: $$f.before" && mv -f $$f $$f.before; } || exit 1; \
		ln -sfn drbdd $$f || exit 1; done
	for c in drbdsetup drbdsetup-84; do ln -sfn ../../sbin/drbdd $(DESTDIR)$(LIBDRBDD)/$$c; done
	$(KEEP) -D -m 755 etc/init.d/drbd $(DESTDIR)$(SYSCONFDIR)/init.d/drbd
	for u in drbdd drbd; do $(KEEP) -D -m 644 etc/systemd/$$u.service $(DESTDIR)$(UNITDIR)/$$u.service; done
	$(KEEP) -D -m 644 etc/udev/65-drbdd.rules $(DESTDIR)$(UDEVDIR)/65-drbdd.rules
	test -e $(DESTDIR)$(SYSCONFDIR)/default/drbdd || install -D -m 644 etc/default/drbdd $(DESTDIR)$(SYSCONFDIR)/default/drbdd
	for f in etc/drbd.conf etc/drbdd.cf etc/drbd.d/* docs/*.md; do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/doc/drbdd/$${f##*/}; done
	for f in $(filter-out %/drbd-peer-outdater.8,$(wildcard docs/man/drbd*.[58])); do install -D -m 644 $$f $(DESTDIR)$(PREFIX)/share/man/man$${f##*.}/$${f##*/}; done

# One package for each program: each is useful without the other, and they have no file in common.
VERSION  = 0.1.0
PACKAGES = bin/packages
FORMATS  = deb rpm
# For this machine, whatever the packages are for.
NFPM     = env -u GOOS -u GOARCH go run github.com/goreleaser/nfpm/v2/cmd/nfpm@v2.45.2

packages: build
	@NFPM='$(NFPM)' FORMATS='$(FORMATS)' MAKE='$(MAKE)' etc/packaging/build.sh '$(VERSION)' '$(PACKAGES)' heartbeatd drbdd

clean:
	rm -rf bin

needs:
	@tests/needs.sh test

vet:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt would change:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...

# check: no root, no packages, under a minute.
check: build vet
	go test -short ./heartbeatd/cluster ./heartbeatd/message ./heartbeatd/config ./internal/... ./tests/rules

# sim: 20,000 seeds of each simulated program, 10,000 of both in one world, and the rules that it must miss when they are taken out.
sim:
	HB_SEEDS=20000 go test -timeout 20m -run 'TestSimulation|TestMutations' -v ./heartbeatd/cluster
	RP_SEEDS=20000 go test -timeout 20m -run 'TestSimulation$$|TestMutations' -v ./drbdd/replica/simworld
	WORLD_SEEDS=10000 go test -timeout 20m -v ./tests/world

soak:
	HB_SEED=$$(date +%s) HB_SEEDS=$(SEEDS) go test -timeout 0 -run 'TestSimulation$$' -v ./heartbeatd/cluster
	RP_SEED=$$(date +%s) RP_SEEDS=$(SEEDS) go test -timeout 0 -run 'TestSimulation$$' -v ./drbdd/replica/simworld
	WORLD_SEED=$$(date +%s) WORLD_SEEDS=$(SEEDS) go test -timeout 0 -run 'TestWorld$$' -v ./tests/world

# soak-drbd: so many times kill -9 of drbdd on either machine, power cuts and replaced daemons; 50 take about 6 minutes.
CRASHES = 50
soak-drbd:
	@tests/needs.sh drbd
	HA_EMERGENCY=log DRBD_CRASHES=$(CRASHES) go test -count=1 -timeout 0 -v ./tests/drbd/crash

# unit leaves the long runs of the simulations to sim.
unit:
	HA_EMERGENCY=log HB_SEEDS=200 RP_SEEDS=100 WORLD_SEEDS=100 go test -timeout 15m -skip 'TestMutations$$' \
		$$(go list ./... | grep -v '/tests/interop$$\|/tests/e2e$$\|/tests/drbd/\|/tests/pair$$')

# pair: both daemons together, with faults. test has those of -short.
SCHEDULES = 50
pair: build
	@tests/needs.sh test
	HA_EMERGENCY=log PAIR_SCHEDULES=$(SCHEDULES) go test -count=1 -timeout 60m -v ./tests/pair

# units: the packages on a machine that a systemd of its own boots.
units:
	@tests/needs.sh test
	HA_EMERGENCY=log INSTALL_SYSTEMD=1 go test -count=1 -timeout 10m -v -run 'TestUnits$$' ./tests/install

e2e: build
	HA_EMERGENCY=log go test -timeout 10m -v ./tests/e2e
	HA_EMERGENCY=log go test -timeout 10m -v ./tests/drbd/e2e ./tests/drbd/crash ./tests/drbd/outdate
	HA_EMERGENCY=log go test -timeout 10m -short -v ./tests/pair

interop: build
	HA_EMERGENCY=log go test -timeout 15m -v ./tests/interop

interop-kernel:
	@tests/needs.sh kernel
	HA_EMERGENCY=log INTEROP_KERNEL=1 go test -count=1 -timeout 90m -v ./tests/kernel
	HA_EMERGENCY=log INTEROP_KERNEL=1 go test -count=1 -timeout 30m -v -run '^TestClockStep$$' ./tests/pair

fuzz:
	tests/fuzz.sh 2

test: needs build vet unit sim fuzz e2e interop

demo: build
	@tests/needs.sh demo
	@go run ./tests/demo
	@go run ./tests/demo -pair

# demo-pair: the whole article, heartbeatd and drbdd together.
demo-pair: build
	@go run ./tests/demo -pair

demo-drbd:
	@tests/needs.sh drbd
	@go run ./tests/drbd/demo

bench: build bench-drbd
	@tests/needs.sh test
	@go run ./tests/bench
	@go run ./tests/bench/pair

bench-drbd:
	@tests/needs.sh drbd
	@go run ./tests/drbd/bench
