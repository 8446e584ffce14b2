# karat: two commands on a fresh machine with rustup, make and a C compiler.
#
#   make demo                  build everything, then build, sign and verify a sample image,
#                              and show a tampered copy being caught
#   make test                  all tests; the ones that need an outside program say so if it is missing
#   make fuzz TARGET=NAME SECONDS=N    one parser under libFuzzer (nightly toolchain, cargo-fuzz)
#   make install PREFIX=DIR    karat and karat-agent into DIR/bin, man pages and completions beside them

PREFIX ?= /usr/local
CARGO ?= cargo
DIST := target/dist
ARCH := $(shell uname -m)
MUSL := $(ARCH)-unknown-linux-musl
GNU := $(ARCH)-unknown-linux-gnu
AGENT_FLAGS := --profile agent --bin karat-agent --no-default-features --features agent
# Relative relocations packed (RELR), which musl understands, and no tables for unwinding: a tenth of its size.
AGENT_LINK := -C link-arg=-Wl,-z,pack-relative-relocs -C link-arg=-Wl,-T,$(CURDIR)/src/bin/karat-agent/no-unwind-tables.ld
STATIC_GNU := -C target-feature=+crt-static

.PHONY: all demo test lint bench fuzz install clean

all: $(DIST)/bin/karat $(DIST)/bin/karat-agent

# cargo knows better than make what is out of date.
.PHONY: $(DIST)/bin/karat $(DIST)/bin/karat-agent

$(DIST)/bin/karat:
	$(CARGO) build --release --bin karat
	@mkdir -p $(DIST)/bin
	@cp -f target/release/karat $@.new && mv -f $@.new $@

# The agent is static, so that it runs before and without an image's own libraries.
$(DIST)/bin/karat-agent:
	@mkdir -p $(DIST)/bin
	@if rustup target list --installed 2>/dev/null | grep -qx $(MUSL) \
	    || rustup target add $(MUSL) >/dev/null 2>&1; then \
	  $(CARGO) rustc $(AGENT_FLAGS) --target $(MUSL) -- $(AGENT_LINK) && built=target/$(MUSL)/agent/karat-agent; \
	else \
	  RUSTFLAGS="$(STATIC_GNU)" $(CARGO) build $(AGENT_FLAGS) --target $(GNU) \
	    && built=target/$(GNU)/agent/karat-agent; \
	fi && cp -f $$built $@.new && mv -f $@.new $@

demo: all
	@sh tests/demo.sh $(DIST)/bin

# nextest runs what needs namespaces one at a time; without it, cargo does the same work in its own way.
# The agent that disks carry is the released one.
test: $(DIST)/bin/karat-agent
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run $(if $(CI),--profile ci); \
	else \
	  $(CARGO) test --lib --bins --test it; \
	fi
	$(CARGO) test --doc

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --all-targets -- -D warnings
	$(CARGO) clippy --no-default-features --features agent --lib --bin karat-agent -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps

bench: all
	@python3 benches/build.py --bin $(DIST)/bin

bench-verify: all
	@python3 benches/verify.py --bin $(DIST)/bin

# Seeds come from the tests' fixtures; what is found is written to fuzz/artifacts.
TARGET ?= receipt
SECONDS ?= 300
fuzz:
	cd fuzz && $(CARGO) +nightly fuzz run $(TARGET) --sanitizer address -- \
	  -max_total_time=$(SECONDS) -timeout=20 -rss_limit_mb=3000

bench-audit: all
	@python3 benches/audit.py --bin $(DIST)/bin

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
	  $(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	install -m 0755 $(DIST)/bin/karat $(DIST)/bin/karat-agent $(DESTDIR)$(PREFIX)/bin
	$(DIST)/bin/karat --quiet man $(DESTDIR)$(PREFIX)/share/man/man1
	$(DIST)/bin/karat completions bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/karat
	$(DIST)/bin/karat completions zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_karat
	$(DIST)/bin/karat completions fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/karat.fish

clean:
	$(CARGO) clean
