# Grading on many machines: a stream of completions is dealt out to shards, each shard goes through a grader
# (any filter that writes a record for each it reads) on some machine, and the results are gathered in the
# order of the stream: the same records as one grader alone would write.
#
#   make -f pipelines/grade.mk GRADER='grade-math' IN=completions.rec OUT=out/graded \
#        SHARDS=64 SSHLOGINFILE=nodes.txt
#
# Result: $(OUT)/graded.rec. A shard that is graded is kept as $(OUT)/shards/I.graded.rec and graded again
# only when its records or GRADER change, so that an interrupted run continues. GNU parallel runs the
# shards: on this machine, or, with SSHLOGINFILE (one machine a line, `:` is this one; see parallel(1)), on
# those of the list. A shard that fails, because its machine was lost or its grader was killed, is tried
# again on another machine, RETRIES times in all. Each shard is checked to be whole when it comes back.
#
#   JOBS=4         shards at once on each machine (default: as many as it has cores)
#   TOOLS=FOLDER   where the tools are on the machines (default: where they are here)
#   SSH=COMMAND    how to reach them; the default notices within a minute when one is gone. A shard
#                  takes some eight connections: ControlMaster in ssh_config(5) makes them cheap
#
# The machines need the tools, bash, perl and rsync. GRADER is run by bash there, so it may be a pipeline (a
# dollar sign is written $$); files that it names must be there under the same names. It is given no
# --rejects: a bad record stops its shard.

GRADER       ?=
IN           ?=
OUT          ?= out/graded
SHARDS       ?= 8
SSHLOGINFILE ?=
JOBS         ?= 100%
RETRIES      ?= 3
SSH          ?= ssh -o BatchMode=yes -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=3
include $(dir $(lastword $(MAKEFILE_LIST)))common.mk
TOOLS        ?= $(abspath $(TOOLS_DIR))

ifeq ($(strip $(GRADER)),)
$(error GRADER= is missing; the command that grades, GRADER='grade-exact', would be right)
endif
ifeq ($(wildcard $(IN)),)
$(error IN=$(IN): there is no such file; a stream of completions would be right)
endif
ifneq ($(findstring --rejects,$(GRADER)),)
$(error GRADER=$(GRADER): with --rejects the order of the stream would be lost; without would be right)
endif

S := $(OUT)/shards
INDEXES := $(shell seq 0 $$(($(SHARDS) - 1)))
ifeq ($(INDEXES),)
$(error SHARDS=$(SHARDS): 1 or more would be right)
endif

.PHONY: all
all: $(OUT)/graded.rec

# ---- dealing out ---------------------------------------------------------------------------------

DEALT := $(INDEXES:%=$S/%.rec)
STAGES += $(DEALT) $(OUT)/graded.rec
$(DEALT:%=%.stamp): $S/%.rec.stamp: $(IN) $(call arguments,$S/dealt,$(SHARDS))
	records shard -q --shards $(SHARDS) --index $* $(IN) -o $(new)
	$(settle)

# ---- grading -------------------------------------------------------------------------------------

# What a machine does with one shard: $1 in, $2 out, which appears when it is complete.
define JOB
#!/bin/bash
set -euo pipefail
PATH=$(TOOLS):$$PATH
{ $(GRADER)
} <"$$1" >"$$2.part"
mv "$$2.part" "$$2"
endef

# A new job is written only when it says something else, as with the files of arguments.
WROTE := $(if $(call same,$(file <$S/job),$(JOB)),,$(shell mkdir -p $S)$(file >$S/job,$(JOB)))

REMOTE = --sshloginfile $(abspath $(SSHLOGINFILE)) --ssh '$(SSH)' --workdir ... --transferfile job \
    --transferfile {} --return {.}.graded.rec --cleanup
PARALLEL = parallel --will-cite --plain --jobs $(JOBS) --retries $(RETRIES) \
    $(if $(SSHLOGINFILE),$(REMOTE)) bash job {} {.}.graded.rec

# The shards that have no result, or an older one than they and the job are.
define graded_all
cd $S; todo=(); for i in $(INDEXES); do \
    [ $$i.graded.rec -nt $$i.rec ] && [ $$i.graded.rec -nt job ] || todo+=($$i.rec); done; \
[ $${#todo[@]} = 0 ] || $(PARALLEL) ::: "$${todo[@]}"; \
for i in $(INDEXES); do \
    [ "$$(records count $$i.graded.rec)" = "$$(records count $$i.rec)" ] || { rm $$i.graded.rec; \
        echo "grade.mk: shard $$i came back with another number of records" >&2; exit 1; }; done
endef

$(OUT)/graded.rec.stamp: $(DEALT) $S/job
	$(graded_all)
	records gather -q $(INDEXES:%=$S/%.graded.rec) -o $(new)
	$(settle)

$S/job: ;

include $(PIPELINES)/stages.mk
