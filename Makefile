# lockpick: build, test, install, and the first experiment. `make help` lists the targets.
#
#   make VARIANT=release|asan|debug CC=gcc|clang      the build goes to build/$(VARIANT)
#
# Nothing is listed by hand: every bin/*.c is a tool, every lib/*/*.c a part of the libraries, every
# tests/unit/*.c a cmocka program, tests/tools/*.bats a suite, tests/fuzz/*.c a libFuzzer target,
# tests/server/*.c a program that suites start.

comma := ,
VARIANT ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
OUT     ?= out/quickstart
MINIS   ?= out/minis
CPUS    := $(shell nproc)

BUILD := build/$(VARIANT)
ifeq ($(origin CC),default)
CC := gcc
endif
ifeq ($(origin CXX),default)
CXX := $(if $(findstring clang,$(CC)),$(subst clang,clang++,$(CC)),g++)
endif

# `make V=1` shows whole commands.
Q := $(if $(V),,@)
show = $(if $(V),,@printf '  %-5s %s\n' '$1' '$(patsubst build/%,%,$@)')

# ---- packages ------------------------------------------------------------------------------------

# msgpack-c changed its pkg-config name with version 5.
MSGPACK := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
# VARIANT=gpu is for a bare CUDA machine: the kernel library and its tests, with gcc, make and nvcc alone.
LIBRARIES := $(if $(filter gpu,$(VARIANT)),,libzstd $(MSGPACK) jansson libxxhash libpcre2-8 libutf8proc gmp mpfr libseccomp libcurl openblas)
NEEDS_LIBRARIES := $(filter-out $(shell for l in $(LIBRARIES); do \
	pkg-config --exists $$l 2>/dev/null && echo $$l; done),$(LIBRARIES))

# ---- flags ---------------------------------------------------------------------------------------

CLANG := $(findstring clang,$(shell $(CC) --version 2>/dev/null | head -n 1))
WARNINGS := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
            -Wcast-qual -Wwrite-strings -Wvla -Wno-missing-field-initializers
PACKAGE_CFLAGS := $(if $(LIBRARIES),$(if $(NEEDS_LIBRARIES),,$(shell pkg-config --cflags $(LIBRARIES))),-Itests/cuda/bare)
CPPFLAGS := -D_GNU_SOURCE -Ilib $(PACKAGE_CFLAGS)
OPTIMIZE.release := -O3
OPTIMIZE.gpu     := -O2
OPTIMIZE.debug   := -O0
OPTIMIZE.asan    := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
CFLAGS := -std=gnu11 -g -fPIC -fopenmp -ffp-contract=off -fno-math-errno $(OPTIMIZE.$(VARIANT)) $(WARNINGS)
LDFLAGS := -fopenmp -Wl,--as-needed $(filter -fsanitize%,$(OPTIMIZE.$(VARIANT)))
LDLIBS := $(if $(NEEDS_LIBRARIES)$(if $(LIBRARIES),,none),,$(shell pkg-config --libs $(filter-out openblas,$(LIBRARIES)))) -lm -lpthread
BLAS_LIBS := $(if $(NEEDS_LIBRARIES)$(if $(LIBRARIES),,none),,$(shell pkg-config --libs openblas))

# Files named isa_*.c are compiled once per instruction set into tables of functions; one is chosen at
# start (LOCKPICK_ISA forces it), so one build runs on every machine of a cluster.
MACHINE := $(shell uname -m)
ifeq ($(MACHINE),x86_64)
ISAS := baseline avx2 avx512
ISA.avx2   := -mavx2 -mfma -mf16c -mbmi2
ISA.avx512 := -mavx512f -mavx512bw -mavx512dq -mavx512vl -mavx2 -mfma -mf16c -mbmi2 -mprefer-vector-width=512
else
ISAS := baseline
endif

# ---- what there is -------------------------------------------------------------------------------

SOURCES := $(sort $(wildcard lib/*/*.c lib/*/*/*.c))
KERNEL_SOURCES := $(filter lib/kernel/%,$(SOURCES))
ISA_SOURCES := $(foreach s,$(KERNEL_SOURCES),$(if $(filter isa_%,$(notdir $s)),$s))
KERNEL_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(ISA_SOURCES),$(KERNEL_SOURCES))) \
    $(foreach i,$(ISAS),$(patsubst %.c,$(BUILD)/obj/%.$i.o,$(ISA_SOURCES)))
LIBRARY_OBJECTS := $(patsubst %.c,$(BUILD)/obj/%.o,$(filter-out $(KERNEL_SOURCES),$(SOURCES)))
# The kernel library stands alone: it carries the two files of lib/base that it uses.
KERNEL_BASE := $(BUILD)/obj/lib/base/error.o $(BUILD)/obj/lib/base/memory.o

TOOLS := $(sort $(patsubst bin/%.c,%,$(wildcard bin/*.c)))
TOOL_FILES := $(TOOLS:%=$(BUILD)/bin/%)
TOOL_LINKS := $(TOOLS:%=bin/%)
UNIT_TESTS := $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/*.c)))
TEST_SERVERS := $(patsubst tests/server/%.c,$(BUILD)/server/%,$(sort $(wildcard tests/server/*.c)))
FUZZERS := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(sort $(wildcard tests/fuzz/*.c)))
C_FILES := $(sort $(wildcard bin/*.c lib/*/*.[ch] lib/*/*/*.[ch] tests/unit/*.[ch] tests/fuzz/*.[ch] tests/bench/*.[ch] tests/server/*.c))

ARCHIVE := $(BUILD)/lib/liblockpick.a
KERNEL := $(BUILD)/lib/liblockpick-kernel.so

# The CUDA device: by nvcc into a library that is loaded when a device is asked for, where nvcc is found; and
# always for the host under the execution shim (lib/kernel/cuda/shim.h), which the tests load in its place.
CUDA_SOURCES := $(filter-out lib/kernel/cuda/shim%,$(sort $(wildcard lib/kernel/cuda/*.cu)))
SHIM_SOURCES := $(sort $(wildcard lib/kernel/cuda/*.cu))
NVCC ?= $(firstword $(shell command -v nvcc 2>/dev/null) $(wildcard /usr/local/cuda/bin/nvcc))
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
# Where cuBLAS is, if not with the compiler (Python packages put it in site-packages/nvidia/…).
CUBLAS_HOME ?= $(CUDA_HOME)
CUBLAS := $(firstword $(wildcard $(foreach d,lib64 lib lib/*,$(CUBLAS_HOME)/$d/libcublasLt.so*)) -lcublasLt)
CUDA := $(if $(NVCC),$(if $(filter release gpu,$(VARIANT)),$(BUILD)/lib/liblockpick-cuda.so))
SHIM := $(BUILD)/lib/liblockpick-shim.so
SHIM_OPTIMIZE := $(if $(filter release,$(VARIANT)),-O2,$(OPTIMIZE.$(VARIANT)))
CXX_FLAGS := -std=c++20 -g -fPIC -fvisibility=hidden -Wall -Wextra -Werror -Wshadow -Wno-missing-field-initializers
CUDA_FLAGS := -std=c++20 -O3 -Xcompiler -fPIC,-Wall -gencode arch=compute_80,code=sm_80 \
              -gencode arch=compute_90,code=sm_90 -gencode arch=compute_90,code=compute_90

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all tools help minis test gpu-test gpu-bench portable unit-test tool-test fuzz asan quickstart bench install uninstall format lint clean packages

all: tools $(CUDA) ## build the tools, and the CUDA device where nvcc is
tools: $(TOOL_FILES) $(if $(filter release,$(VARIANT)),$(TOOL_LINKS)) ## build the tools alone

# ---- compiling -----------------------------------------------------------------------------------

ifneq ($(NEEDS_LIBRARIES),)
$(BUILD)/obj/%.o: | missing-libraries
.PHONY: missing-libraries
missing-libraries:
	@echo "missing: $(NEEDS_LIBRARIES); 'make packages' installs them on Debian and Ubuntu" >&2; exit 1
endif

$(BUILD)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call show,CC)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

define ISA_RULE
$(BUILD)/obj/%.$1.o: %.c Makefile
	@mkdir -p $$(@D)
	$$(call show,CC)
	$$(Q)$$(CC) $$(CPPFLAGS) $$(CFLAGS) $(ISA.$1) -ffp-contract=fast -DISA=$1 -MMD -MP -c -o $$@ $$<
endef
$(foreach i,$(ISAS),$(eval $(call ISA_RULE,$i)))

$(ARCHIVE): $(LIBRARY_OBJECTS)
	@mkdir -p $(@D)
	@rm -f $@
	$(call show,AR)
	$(Q)$(AR) rcs $@ $^

$(KERNEL): $(KERNEL_OBJECTS) $(KERNEL_BASE)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) -shared $(LDFLAGS) -Wl,-soname,$(@F) -o $@ $^ $(BLAS_LIBS) -lm

$(BUILD)/obj/%.cuda.o: %.cu Makefile
	@mkdir -p $(@D)
	$(call show,NVCC)
	$(Q)$(NVCC) -Ilib $(if $(filter-out $(CUDA_HOME),$(CUBLAS_HOME)),-I$(CUBLAS_HOME)/include) $(CUDA_FLAGS) -MD -MF $(@:.o=.d) -c -o $@ $<

$(CUDA): $(CUDA_SOURCES:%.cu=$(BUILD)/obj/%.cuda.o) $(KERNEL)
	$(call show,LINK)
	$(Q)$(CXX) -shared -Wl,-soname,$(@F) -Wl,-rpath,'$$ORIGIN' $(if $(filter /%,$(CUBLAS)),-Wl$(comma)-rpath$(comma)$(dir $(CUBLAS))) \
	    -o $@ $^ $(CUBLAS) -L$(CUDA_HOME)/lib64 -L$(CUDA_HOME)/lib -lcudart_static -lrt -ldl -lpthread

$(BUILD)/obj/%.shim.o: %.cu Makefile
	@mkdir -p $(@D)
	$(call show,SHIM)
	$(Q)$(CXX) -x c++ -DLOCKPICK_SHIM -Ilib $(PACKAGE_CFLAGS) $(CXX_FLAGS) $(SHIM_OPTIMIZE) -MMD -MP -c -o $@ $<

$(SHIM): $(SHIM_SOURCES:%.cu=$(BUILD)/obj/%.shim.o) $(KERNEL)
	$(call show,LINK)
	$(Q)$(CXX) -shared $(filter -fsanitize%,$(OPTIMIZE.$(VARIANT))) -Wl,-soname,$(@F) -Wl,-rpath,'$$ORIGIN' \
	    -o $@ $^ $(BLAS_LIBS)

$(BUILD)/bin/%: $(BUILD)/obj/bin/%.o $(ARCHIVE) $(KERNEL)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< $(ARCHIVE) $(KERNEL) $(LDLIBS)

$(TOOL_LINKS): bin/%: $(BUILD)/bin/%
	@ln -sf ../$< $@

$(BUILD)/tests/%: $(BUILD)/obj/tests/unit/%.o $(ARCHIVE) $(KERNEL)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< $(ARCHIVE) $(KERNEL) $(LDLIBS) -lcmocka

$(BUILD)/server/%: $(BUILD)/obj/tests/server/%.o
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(LDLIBS)

# The shim's own tests carry its runtime, not the device.
$(BUILD)/tests/cuda_shim: $(BUILD)/obj/tests/cuda/shim.shim.o $(addprefix $(BUILD)/obj/lib/kernel/cuda/,shim.shim.o shim_streams.shim.o)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CXX) $(filter -fsanitize%,$(OPTIMIZE.$(VARIANT))) -o $@ $^ -lcmocka

# The CUDA device with a fault planted in a copy of one source, which the shim is to catch:
# tests/cuda/planted/SOURCE.FAULT.sed changes exactly one place of lib/kernel/cuda/SOURCE.cu.
PLANTED := $(patsubst tests/cuda/planted/%.sed,%,$(sort $(wildcard tests/cuda/planted/*.sed)))
PLANTED_LIBRARIES := $(PLANTED:%=$(BUILD)/planted/%.so)

define PLANT_RULE
$(BUILD)/planted/$1.cu: tests/cuda/planted/$1.sed lib/kernel/cuda/$(basename $1).cu
	@mkdir -p $$(@D)
	$$(call show,SED)
	$$(Q)sed -f $$< $$(word 2,$$^) >$$@
	$$(Q)places=$$$$(diff $$(word 2,$$^) $$@ | grep -c '^[0-9]'); [ "$$$$places" = 1 ] || { \
	    echo "$$<: it changed $$$$places places of $$(word 2,$$^); exactly one would be right" >&2; exit 1; }

$(BUILD)/planted/$1.so: $(BUILD)/planted/$1.o $(filter-out %/$(basename $1).shim.o,$(SHIM_SOURCES:%.cu=$(BUILD)/obj/%.shim.o)) $(KERNEL)
	$$(call show,LINK)
	$$(Q)$(CXX) -shared $(filter -fsanitize%,$(OPTIMIZE.$(VARIANT))) -Wl,-soname,$$(@F) -Wl,-rpath,'$$$$ORIGIN/../lib' \
	    -o $$@ $$^ $(BLAS_LIBS)
endef
$(foreach p,$(PLANTED),$(eval $(call PLANT_RULE,$p)))

$(BUILD)/planted/%.o: $(BUILD)/planted/%.cu Makefile
	$(call show,SHIM)
	$(Q)$(CXX) -x c++ -DLOCKPICK_SHIM -Ilib $(PACKAGE_CFLAGS) $(CXX_FLAGS) $(SHIM_OPTIMIZE) -MMD -MP -c -o $@ $<

-include $(shell find $(BUILD)/obj $(BUILD)/planted -name '*.d' 2>/dev/null)
.SECONDARY:

# ---- packages ------------------------------------------------------------------------------------

PACKAGES_RUN  := gcc g++ make pkg-config libzstd-dev libjansson-dev libxxhash-dev libopenblas-openmp-dev \
                 libpcre2-dev libutf8proc-dev libgmp-dev libmpfr-dev libseccomp-dev libcurl4-openssl-dev \
                 gnuplot-nox bubblewrap parallel rsync openssh-client curl tar
PACKAGES_TEST := libcmocka-dev bats mandoc zstd clang
PACKAGES_LINT := clang-tidy clang-format cppcheck

# Installs what is missing of a list: $(call install-packages,LIST,for what). msgpack-c is named apart, for
# Debian renamed it.
define install-packages
@missing=""; for p in $1; do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
pkg-config --exists msgpack 2>/dev/null || pkg-config --exists msgpack-c 2>/dev/null || \
    missing="$$missing msgpack"; \
[ -n "$$missing" ] || exit 0; \
if ! command -v apt-get >/dev/null; then \
    echo "missing, $2:$$missing (names as Debian has them); install them and start again" >&2; exit 1; fi; \
[ "$$(id -u)" = 0 ] && sudo="" || sudo="sudo"; \
echo "installing with $$sudo apt-get, $2:$$missing"; \
$$sudo apt-get update -qq; \
case "$$missing" in *msgpack*) apt-cache show libmsgpack-c-dev >/dev/null 2>&1 \
    && m=libmsgpack-c-dev || m=libmsgpack-dev; missing=$$(echo "$$missing" | sed "s/msgpack/$$m/");; esac; \
DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -qq --no-install-recommends $$missing >/dev/null
endef

packages: ## install what building, running, testing and linting need (Debian, Ubuntu)
	$(call install-packages,$(PACKAGES_RUN) $(PACKAGES_TEST) $(PACKAGES_LINT),needed to build, run, test and lint lockpick)

# ---- the first experiment ------------------------------------------------------------------------

quickstart: ## the composition experiment, small, on this machine's CPU, in minutes
	$(call install-packages,$(PACKAGES_RUN),needed to build lockpick and draw its figures)
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=release tools
	@$(MAKE) --no-print-directory -s -j$(CPUS) -f pipelines/composition.mk PRESET=quick OUT=$(OUT) THREADS=1 SHOW=yes
	@echo 'The figure is in $(OUT)/figure6.svg, the table in $(OUT)/report.txt; make quickstart again does nothing.'

minis: ## the paper's figures in miniature, on this machine's CPU, and the report of them
	$(call install-packages,$(PACKAGES_RUN),needed to build lockpick and draw its figures)
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=release tools
	@$(MAKE) --no-print-directory -s -j$(CPUS) -f pipelines/minis.mk OUT=$(MINIS) THREADS=1 SHOW=yes

# ---- tests ---------------------------------------------------------------------------------------

test: ## unit, tool and fuzz tests
	$(call install-packages,$(PACKAGES_RUN) $(PACKAGES_TEST),needed to build and test lockpick)
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=release all build-tests build-fuzzers
	@tests/run build/release

build-tests: $(UNIT_TESTS) $(TEST_SERVERS) $(SHIM) $(BUILD)/tests/cuda_shim $(PLANTED_LIBRARIES)
build-fuzzers: $(FUZZERS)
.PHONY: build-tests build-fuzzers

asan: ## the same tests under AddressSanitizer and UndefinedBehaviorSanitizer
	$(call install-packages,$(PACKAGES_RUN) $(PACKAGES_TEST),needed to build and test lockpick)
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=asan all build-tests
	@tests/run build/asan

# ---- CUDA ----------------------------------------------------------------------------------------

# The operation tests on the CUDA device itself. GPU_RUN= goes in front of each program, for example
# GPU_RUN='compute-sanitizer --tool memcheck --error-exitcode 1'.
GPU_RUN ?=
GPU_TESTS := $(addprefix build/gpu/gpu-tests/,$(addprefix kernel_,device attention layers matmul norms recording tokens training) both_devices)
GPU_BENCHES := $(addprefix build/gpu/gpu-tests/,bench_operations bench_decode)
# The transformer alone, for the last of each: what reads and writes checkpoints needs packages.
GPU_MODEL := $(addprefix $(BUILD)/obj/lib/model/,transformer.o transformer_forward.o transformer_backward.o model.o config_sizes.o)

ifeq ($(VARIANT),gpu)
$(BUILD)/gpu-tests/%: $(BUILD)/obj/tests/unit/%.o $(KERNEL) $(CUDA)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $(filter %.o,$^) $(KERNEL) -lm
$(BUILD)/gpu-tests/bench_%: $(BUILD)/obj/tests/cuda/bench_%.o $(KERNEL) $(CUDA)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $(filter %.o,$^) $(KERNEL) -lm
$(addprefix $(BUILD)/gpu-tests/,both_devices bench_decode): $(GPU_MODEL)
endif

gpu-test: ## the operation tests on this machine's GPU, and a model that learns and answers as on the CPU; needs only gcc, make and nvcc
	@[ -n "$(NVCC)" ] || { echo "gpu-test: no nvcc; put CUDA's bin folder on the PATH, or set NVCC=" >&2; exit 1; }
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=gpu $(GPU_TESTS)
	@for t in $(GPU_TESTS); do LOCKPICK_TEST_DEVICE=cuda $(GPU_RUN) $$t || exit 1; done

gpu-bench: ## measure this machine's GPU: each operation's time, and a decoding step's, against the machine's own ceilings
	@[ -n "$(NVCC)" ] || { echo "gpu-bench: no nvcc; put CUDA's bin folder on the PATH, or set NVCC=" >&2; exit 1; }
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=gpu $(GPU_BENCHES)
	@for b in $(GPU_BENCHES); do $(GPU_RUN) $$b || exit 1; done

# train, sample and embed with the small libraries inside, to be carried to a machine that has no packages: beside
# them the kernel library with OpenBLAS inside, and the CUDA library where it was built.
PORTABLE := build/portable
PORTABLE_TOOLS := $(addprefix $(PORTABLE)/bin/,$(filter train sample embed,$(TOOLS)))
STATIC_LIBS := -Wl,-Bstatic $(shell pkg-config --static --libs-only-l libzstd $(MSGPACK) jansson libxxhash libpcre2-8 libutf8proc 2>/dev/null | sed 's/-lpthread//g') \
    -Wl,-Bdynamic
STATIC_BLAS := $(shell pkg-config --variable=libdir openblas 2>/dev/null)/libopenblas.a

$(PORTABLE)/lib/liblockpick-kernel.so: $(KERNEL_OBJECTS) $(KERNEL_BASE)
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) -shared -s $(LDFLAGS) -Wl,-soname,$(@F) -Wl,--exclude-libs,ALL -o $@ $^ $(STATIC_BLAS) -lm

$(PORTABLE)/bin/%: $(BUILD)/obj/bin/%.o $(ARCHIVE) $(PORTABLE)/lib/liblockpick-kernel.so
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) -s $(LDFLAGS) -static-libgcc -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $< $(ARCHIVE) $(PORTABLE)/lib/liblockpick-kernel.so \
	    $(STATIC_LIBS) -lm -lpthread

portable: ## train, sample, embed for a machine without packages, in build/portable
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=release $(PORTABLE_TOOLS) $(CUDA)
	@for l in $(CUDA); do cp $$l $(PORTABLE)/lib/ && strip $(PORTABLE)/lib/$${l##*/}; done
	@du -cm $(PORTABLE)/bin/* $(PORTABLE)/lib/* | awk '{ n = $$1 } END { print "build/portable: " n " MB"; exit n >= 64 }'

# libFuzzer targets carry sources of the libraries compiled with coverage, under both sanitizers.
FUZZ_FLAGS := -std=gnu11 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all $(WARNINGS)
FUZZ_SOURCES := $(filter lib/base/% lib/record/% lib/text/% lib/stats/%,$(SOURCES)) \
    $(filter lib/grade/math%,$(SOURCES)) $(wildcard lib/model/config*.c) lib/model/safetensors.c \
    lib/remote/request.c lib/remote/answer.c lib/remote/answer_fields.c
build/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call show,CC)
	$(Q)clang $(CPPFLAGS) $(subst fuzzer$(comma),fuzzer-no-link$(comma),$(FUZZ_FLAGS)) -MMD -MP -c -o $@ $<

build/fuzz/liblockpick.a: $(FUZZ_SOURCES:%.c=build/fuzz/obj/%.o)
	@rm -f $@
	$(call show,AR)
	$(Q)$(AR) rcs $@ $^
build/fuzz/%: tests/fuzz/%.c build/fuzz/liblockpick.a
	$(call show,LINK)
	$(Q)clang $(CPPFLAGS) $(FUZZ_FLAGS) -o $@ $< build/fuzz/liblockpick.a $(LDLIBS)
-include $(shell find build/fuzz -name '*.d' 2>/dev/null)

# ---- benchmarks ----------------------------------------------------------------------------------

BENCHES := $(patsubst tests/bench/%.c,build/release/bench/%,$(sort $(wildcard tests/bench/*.c)))
build/release/bench/%: build/release/obj/tests/bench/%.o build/release/lib/liblockpick.a build/release/lib/liblockpick-kernel.so
	@mkdir -p $(@D)
	$(call show,LINK)
	$(Q)$(CC) $(LDFLAGS) -Wl,-rpath,'$$ORIGIN/../lib' -o $@ $^ $(LDLIBS) $(BLAS_LIBS)
build-benches: $(BENCHES)
.PHONY: build-benches

bench: ## measure this machine; the figures go to tests/bench/RESULTS.md
	$(call install-packages,$(PACKAGES_RUN),needed to build lockpick)
	@$(MAKE) --no-print-directory -j$(CPUS) VARIANT=release all build-benches
	@tests/bench/run

# ---- lint ----------------------------------------------------------------------------------------

lint: ## include rule, clang-format, clang-tidy, cppcheck, manual pages
	$(call install-packages,$(PACKAGES_RUN) $(PACKAGES_TEST) $(PACKAGES_LINT),needed to build and lint lockpick)
	@tests/lint $(CPUS)

format: ## lay out all C files by .clang-format
	clang-format -i $(C_FILES) $(wildcard lib/kernel/cuda/*.cu tests/cuda/*.[chu]* tests/cuda/bare/*.h)

# ---- installing ----------------------------------------------------------------------------------

LIBEXEC := $(DESTDIR)$(PREFIX)/libexec/lockpick
SHARE := $(DESTDIR)$(PREFIX)/share/lockpick
MAN := $(DESTDIR)$(PREFIX)/share/man

install: all ## the command `lockpick`, its tools, manual pages, pipelines and data, below PREFIX
	install -d $(DESTDIR)$(PREFIX)/bin $(LIBEXEC)/bin $(LIBEXEC)/lib $(SHARE)/pipelines $(MAN)/man1 $(MAN)/man5 $(MAN)/man7
	install -m 755 bin/lockpick $(DESTDIR)$(PREFIX)/bin/lockpick
	install -m 755 $(TOOL_FILES) $(LIBEXEC)/bin
	install -m 755 $(KERNEL) $(CUDA) $(LIBEXEC)/lib
	install -d $(SHARE)/pipelines/tasks
	install -m 644 $(wildcard pipelines/*.mk) $(SHARE)/pipelines
	install -m 644 $(wildcard pipelines/tasks/*.mk) $(SHARE)/pipelines/tasks
	install -m 755 $(filter-out %.mk pipelines/tasks,$(wildcard pipelines/*)) $(SHARE)/pipelines
	cp -r data $(SHARE)/
	for s in 1 5 7; do install -m 644 man/*.$$s $(MAN)/man$$s || exit 1; done

uninstall: ## remove what install put there
	rm -rf $(DESTDIR)$(PREFIX)/bin/lockpick $(LIBEXEC) $(SHARE) $(MAN)/man[157]/lockpick*.[157]

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' Makefile | expand -t 16

clean: ## remove everything built
	rm -rf build $(TOOL_LINKS)
