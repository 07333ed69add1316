# `make help` lists what can be made.

LUA ?= 5.4
SANITIZE ?=
BUILD ?= build

# -- which Lua, and where its headers are --

lua_command_5.4 := lua5.4
lua_command_5.3 := lua5.3
lua_command_5.1 := lua5.1
lua_command_luajit := luajit
LUA_COMMAND = $(lua_command_$(LUA))

lua_package_5.4 := lua5.4
lua_package_5.3 := lua5.3
lua_package_5.1 := lua5.1
lua_package_luajit := luajit

# Those that are here, of those that we know.
LUAS := $(foreach lua,5.4 5.3 5.1 luajit,$(if $(shell command -v $(lua_command_$(lua))),$(lua)))

# -- how C is compiled --

PKG_CONFIG ?= pkg-config
CC ?= cc
OPTIMIZE ?= -O2 -g
WARNINGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
C_FLAGS = -std=c11 -D_GNU_SOURCE -fPIC -fvisibility=hidden $(OPTIMIZE) $(WARNINGS) -Icsrc \
	-MMD -MP $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-sanitize-recover=all) $(CFLAGS)
LINK_FLAGS = $(if $(SANITIZE),-fsanitize=$(SANITIZE)) $(LDFLAGS)
# As system headers: their warnings are not ours to mend.
LUA_FLAGS = $(subst -I,-isystem ,$(shell $(PKG_CONFIG) --cflags $(lua_package_$(LUA))))

FACE := $(wildcard csrc/lua_*.c)
PLAIN := $(filter-out $(FACE),$(wildcard csrc/*.c))
OUT = $(BUILD)/$(LUA)
C_OBJECTS = $(PLAIN:csrc/%.c=$(BUILD)/c/%.o)
FACE_OBJECTS = $(FACE:csrc/%.c=$(OUT)/%.o)
CORE = $(OUT)/aitronos/core.so

C_TESTS = $(patsubst spec/c/%.c,$(BUILD)/c/%,$(wildcard spec/c/*_test.c))

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24
	@echo "  LUA=$(LUA) of: $(LUAS)    SANITIZE=address,undefined    CC=$(CC)"

.PHONY: build
build: ## the module for LUA, out of the tree
	@$(MAKE) --no-print-directory $(CORE)

$(CORE): $(C_OBJECTS) $(FACE_OBJECTS)
	@mkdir -p $(@D)
	$(CC) -shared $(LINK_FLAGS) -o $@ $^ -lcurl -lpthread -lm

$(BUILD)/c/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -c -o $@ $<

$(OUT)/%.o: csrc/%.c
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) $(LUA_FLAGS) -c -o $@ $<

# -- to see it work --

HTTP ?= 8787
HTTPS ?= 8788
WITH_SANDBOX = sandbox/with --http $(HTTP) --https $(HTTPS) --
WITH_MODULE = eval "$$($(MAKE) --no-print-directory -s env)" &&

.PHONY: demo
demo: ## an invitation and a refusal, at a sandbox on this machine (HTTP=8787 HTTPS=8788)
	@.ci/deps demo
	@echo "Building the module for Lua $(LUA)"
	@$(MAKE) --no-print-directory -s build
	@echo "Starting the sandbox on ports $(HTTP) and $(HTTPS), for as long as this takes"
	@echo
	@$(WITH_MODULE) $(WITH_SANDBOX) examples/demo $(LUA_COMMAND)
	@echo
	@echo "The sandbox has stopped. 'make sandbox' keeps one running to play with."

SITE ?= 8789

.PHONY: demo-nginx
demo-nginx: ## a small site in nginx that invites, at a sandbox (SITE=8789, and as above)
	@.ci/deps nginx
	@echo "Building the module for LuaJIT, which nginx runs"
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@echo "Starting the sandbox on ports $(HTTP) and $(HTTPS), and the site on $(SITE)"
	@echo
	@eval "$$($(MAKE) --no-print-directory -s env LUA=luajit)" && \
		$(WITH_SANDBOX) examples/nginx/demo $(SITE)
	@echo
	@echo "Both have stopped. The site is in examples/nginx."

.PHONY: sandbox
sandbox: ## the API on this machine, until Ctrl-C (HTTP=8787 HTTPS=8788)
	@.ci/deps demo
	@sandbox/run --http $(HTTP) --https $(HTTPS)

# -- to know that it works --

# Specs wait half of the time, so that more of them run at once than there are processors.
.PHONY: test
test: ## every suite on every Lua (TEST=spec/params_spec.lua for one)
	@.ci/deps test
	@JOBS=$${JOBS:-$$((2 * $$(nproc)))} $(MAKE) --no-print-directory -s test-installed

# Started anew, so that a Lua that was just installed is found.
.PHONY: test-installed
test-installed: build-all
	@echo "Testing on: $(foreach lua,$(LUAS),$(lua_command_$(lua)))"
	@UNDER="$(UNDER)" spec/run $(BUILD) $(LUAS) $(if $(TEST),-- $(TEST))

.PHONY: build-all
build-all: $(C_TESTS)
	@for lua in $(LUAS); do $(MAKE) --no-print-directory -s build \
		$(if $(SANITIZE),,$(BUILD)/$$lua/memory_host) LUA=$$lua || exit 1; done

$(BUILD)/c/%_test: spec/c/%_test.c $(C_OBJECTS)
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -Ispec/c $(LINK_FLAGS) -o $@ $< $(C_OBJECTS) -lcmocka -lcurl -lpthread -lm

.PHONY: sanitize
sanitize: ## the suites under ASan and UBSan
	@.ci/deps lint
	@for lua in $(LUAS); do \
		$(MAKE) --no-print-directory -s build/asan/$$lua/host LUA=$$lua BUILD=build/asan \
			SANITIZE=address,undefined || exit 1; done
	@ASAN_OPTIONS=allocator_may_return_null=1 $(MAKE) --no-print-directory -s test-installed \
		BUILD=build/asan SANITIZE=address,undefined TEST="$(or $(TEST),$(SPECS) spec/hosts)"

# Those that C of ours has a part in: not the sandbox's, nor those of plain Lua or of the command.
SPECS := $(filter-out $(addprefix spec/,arguments_spec.lua callers_spec.lua cli_% csv_% docs_spec.lua \
	error_spec.lua exports_spec.lua failure_spec.lua inputs_spec.lua journal_% manual_spec.lua \
	options_spec.lua package_spec.lua people_spec.lua plan_spec.lua \
	progress_spec.lua readme_spec.lua report_spec.lua roles_spec.lua sandbox_% \
	shown_spec.lua),$(wildcard spec/*_spec.lua)) spec/regress

# With these settings Lua 5.3 and 5.4 collect all garbage whenever they look whether it is time to:
# each time takes as long as there is much to keep. So each file has a process of its own, the specs
# with the tag "bulk" are left out, and of the cells of faults_spec.lua each of these two does another
# sixteenth, where Lua 5.1 and LuaJIT do all.
.PHONY: gc-stress
gc-stress: ## the specs with a collector that never pauses
	@.ci/deps test
	@for lua in $(LUAS); do \
		$(MAKE) --no-print-directory -s build/gc/$$lua/host LUA=$$lua BUILD=build/gc || exit 1; done
	@GC_STRESS=1 APART=1 SPLIT="5.4=16 5.3=16" $(MAKE) --no-print-directory -s test-installed BUILD=build/gc \
		TEST="$(or $(TEST),--exclude-tags=bulk $(SPECS))"

$(OUT)/host: spec/support/host.c
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) $(LUA_FLAGS) $(LINK_FLAGS) -Wl,--export-dynamic -o $@ $< \
		$(shell $(PKG_CONFIG) --libs $(lua_package_$(LUA)))

# It replaces malloc, as a sanitizer does.
$(OUT)/memory_host: spec/support/host.c spec/memory/memory.c spec/memory/memory.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(C_FLAGS)) $(LUA_FLAGS) -DHOST_MEMORY -fvisibility=default -o $@ \
		$(filter %.c,$^) $(shell $(PKG_CONFIG) --libs $(lua_package_$(LUA)))

# Left out are specs of what other processes do. Of the cells of faults_spec.lua each Lua does
# another quarter.
VALGRIND_SPECS := $(filter-out $(addprefix spec/,memory_spec.lua process_spec.lua),$(SPECS))

.PHONY: valgrind
valgrind: ## the C tests and the specs of the core under valgrind
	@.ci/deps lint
	@SPLIT="$(addsuffix =4,$(LUAS))" $(MAKE) --no-print-directory -s test-installed \
		BUILD=build/valgrind UNDER="valgrind --quiet --error-exitcode=9 --leak-check=full \
		--errors-for-leak-kinds=definite" TEST="$(or $(TEST),$(VALGRIND_SPECS))"

# Libcurl is not compiled for it: what is seen is our side of the bargain, one thread at a time.
.PHONY: tsan
tsan: ## the C tests of what has threads, under ThreadSanitizer
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build/tsan/c/pump_test BUILD=build/tsan SANITIZE=thread
	@spec/run build/tsan

.PHONY: fuzz
fuzz: ## each fuzz target for SECONDS (60)
	@.ci/deps lint
	@spec/fuzz/run $(or $(SECONDS),60)

.PHONY: lint
lint: ## formatters, linters, and who may use whom
	@.ci/deps lint
	@.ci/lint

.PHONY: fmt
fmt: ## format the C files
	clang-format -i csrc/*.[ch] spec/c/*.[ch] spec/fuzz/*.c bench/*.c

# Each Lua finds its own build in the variable that it looks at first. What stands in the last may
# have a peer's modules.
WITH_MODULES = LUA_PATH="lua/?.lua;;" LUA_CPATH="$(BUILD)/luajit/?.so;;" \
	LUA_CPATH_5_3="$(BUILD)/5.3/?.so;;" LUA_CPATH_5_4="$(BUILD)/5.4/?.so;$${LUA_CPATH_5_4-;}"

.PHONY: bench
bench: ## a table of us and whatever else is installed (ROUNDS=5 N=2000 ONLY="one by one" LONG=1)
	@.ci/deps bench
	@for lua in 5.4 5.3 luajit; do $(MAKE) --no-print-directory -s build LUA=$$lua || exit 1; done
	@$(MAKE) --no-print-directory -s $(addprefix build/bench/,measure raw_easy raw_multi)
	@$(WITH_MODULES) bench/with lua5.4 bench/compare.lua

.PHONY: bench-throttle
bench-throttle: ## how much of a rate limit is used, and how many 429s that takes
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build
	@$(WITH_MODULE) bench/throttle $(LUA_COMMAND) $(SECONDS)

.PHONY: bench-instructions
bench-instructions: ## user instructions an invitation, against bench/instructions.budget
	@.ci/deps lint
	@$(MAKE) --no-print-directory -s build build/bench/raw_easy
	@$(WITH_MODULE) bench/with bench/instructions $(LUA_COMMAND)

.PHONY: bench-tls
bench-tls: ## what the first and the following new TLS connections of a client cost
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build
	@$(WITH_MODULE) $(WITH_SANDBOX) $(LUA_COMMAND) bench/tls.lua

.PHONY: soak
soak: ## 100,000 invitations in one process at a sandbox: memory and descriptors
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build
	@$(WITH_MODULE) $(WITH_SANDBOX) $(LUA_COMMAND) bench/soak.lua

# Lua 5.4 of Debian 12 has no luaposix.
.PHONY: endurance
endurance: LUA = 5.3
endurance: ## the command killed KILLS (200) times, its disk full, its power lost; LUA is 5.3 here
	@.ci/deps test
	@$(MAKE) --no-print-directory -s build LUA=$(LUA)
	@eval "$$($(MAKE) --no-print-directory -s env LUA=$(LUA))" && LUA_PATH="./?.lua;$$LUA_PATH" \
		LUA_COMMAND=$(LUA_COMMAND) $(LUA_COMMAND) spec/endurance/invite.lua \
		$(or $(KILLS),200) $(or $(ROWS),2000) $(SEED)

.PHONY: bench-nginx
bench-nginx: ## what it costs an nginx worker, and what else that worker does (RESTY_HTTP=FOLDER)
	@.ci/deps bench
	@$(MAKE) --no-print-directory -s build LUA=luajit
	@$(MAKE) --no-print-directory -s build/bench/hanging_names.so
	@bench/nginx/run $(ROUNDS)

build/bench/hanging_names.so: spec/support/hanging_names.c
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -shared -o $@ $<

build/bench/%: bench/%.c bench/raw.h
	@mkdir -p $(@D)
	$(CC) $(C_FLAGS) -o $@ $< -lcurl

# -- to have it elsewhere --

PREFIX ?= /usr/local
lua_folder_5.4 := 5.4
lua_folder_5.3 := 5.3
lua_folder_5.1 := 5.1
lua_folder_luajit := 5.1
INSTALL_LUA = $(DESTDIR)$(PREFIX)/share/lua/$(lua_folder_$(LUA))
INSTALL_C = $(DESTDIR)$(PREFIX)/lib/lua/$(lua_folder_$(LUA))

PAGES = $(BUILD)/pages
VERSION := $(shell sed -n 's/.*_VERSION = "\(.*\)".*/\1/p' lua/aitronos.lua)
WRITE = LUA_PATH="lua/?.lua" $(LUA_COMMAND) -e

# The man page and the completions of the command.
.PHONY: pages
pages: $(addprefix $(PAGES)/,aitronos-invite.1 bash zsh fish)

$(PAGES)/aitronos-invite.1: lua/aitronos/cli/manual.lua lua/aitronos/cli/usage.lua lua/aitronos.lua
	@mkdir -p $(@D)
	@$(WRITE) 'io.write(require("aitronos.cli.manual").text("$(VERSION)"))' >$@

$(PAGES)/bash $(PAGES)/zsh $(PAGES)/fish: lua/aitronos/cli/completion.lua lua/aitronos/cli/usage.lua
	@mkdir -p $(@D)
	@$(WRITE) 'io.write(require("aitronos.cli.completion").$(@F)())' >$@

INSTALL_SHARE = $(DESTDIR)$(PREFIX)/share
INSTALL_BIN = $(DESTDIR)$(PREFIX)/bin

.PHONY: install
install: build pages ## into PREFIX (/usr/local), for LUA; DESTDIR goes before it
	install -d $(INSTALL_LUA)/aitronos/driver $(INSTALL_LUA)/aitronos/cli $(INSTALL_C)/aitronos
	install -m 644 lua/aitronos.lua $(INSTALL_LUA)
	install -m 644 lua/aitronos/*.lua $(INSTALL_LUA)/aitronos
	install -m 644 lua/aitronos/driver/*.lua $(INSTALL_LUA)/aitronos/driver
	install -m 644 lua/aitronos/cli/*.lua $(INSTALL_LUA)/aitronos/cli
	install -m 755 $(CORE) $(INSTALL_C)/aitronos
	install -d $(INSTALL_BIN)
	sed '1s|.*|#!/usr/bin/env $(LUA_COMMAND)|' bin/aitronos-invite >$(INSTALL_BIN)/aitronos-invite
	chmod 755 $(INSTALL_BIN)/aitronos-invite
	install -D -m 644 $(PAGES)/aitronos-invite.1 $(INSTALL_SHARE)/man/man1/aitronos-invite.1
	install -D -m 644 $(PAGES)/bash $(INSTALL_SHARE)/bash-completion/completions/aitronos-invite
	install -D -m 644 $(PAGES)/zsh $(INSTALL_SHARE)/zsh/site-functions/_aitronos-invite
	install -D -m 644 $(PAGES)/fish \
		$(INSTALL_SHARE)/fish/vendor_completions.d/aitronos-invite.fish

DIST = $(BUILD)/dist
NAME := aitronos-$(VERSION)

# Of the last commit, and the same bytes each time.
.PHONY: dist
dist: ## a tarball of the last commit, in build/dist
	@mkdir -p $(DIST)
	git archive --format=tar --prefix=$(NAME)/ HEAD | gzip --no-name -9 >$(DIST)/$(NAME).tar.gz

# The rockspec in the tree is that of no version; this one is made of it. LuaRocks packs a local file
# by its whole path only, and looks for its name beside the rockspec when it unpacks the rock.
.PHONY: rock
rock: dist ## a source rock of the last commit, beside it; needs luarocks, but no network
	sed -e 's|^version = .*|version = "$(VERSION)-1"|' \
		-e 's|^  url = .*|  url = "file://$(abspath $(DIST))/$(NAME).tar.gz", dir = "$(NAME)",|' \
		rockspec/aitronos-scm-1.rockspec >$(DIST)/$(NAME)-1.rockspec
	cd $(DIST) && luarocks pack $(NAME)-1.rockspec

.PHONY: package
package: ## does what is packed work? From tarball and rock into empty trees, and a call from there
	@.ci/deps lint
	@$(MAKE) --no-print-directory -s rock DIST=$(BUILD)/package
	@$(WITH_SANDBOX) spec/package $(BUILD)/package/$(NAME) $(LUAS)

.PHONY: env
env: ## what to `eval` so that LUA finds this build: eval "$$(make -s env LUA=luajit)"
	@echo 'export LUA_PATH="$(CURDIR)/lua/?.lua;;" LUA_CPATH="$(CURDIR)/$(OUT)/?.so;;"'

.PHONY: clean
clean: ## remove what was built
	rm -rf $(BUILD) .sandbox

-include $(wildcard $(BUILD)/c/*.d $(BUILD)/*/*.d)
