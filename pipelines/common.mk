# What the pipelines share: where the tools are, and stages that resume, settle and notice what changed.
#
# A stage is a rule for OUTPUT.stamp, named in STAGES (a file) or MODELS (a checkpoint directory):
#
#     STAGES += $(OUT)/x.rec
#     $(OUT)/x.rec.stamp: $(OUT)/in.rec $(call arguments,$(OUT)/x.rec,$(SOME) $(VARIABLES))
#     	some-tool $(SOME) $(VARIABLES) <$(OUT)/in.rec >$(new)
#     	$(settle)
#
# and the last line of a pipeline is `include $(PIPELINES)/stages.mk`. Other stages depend on OUTPUT (of a
# checkpoint: OUTPUT/lockpick.json). `arguments` names the file OUTPUT.args, rewritten only when its
# text is another than last time, so that a changed argument runs the stage again; where it names
# files below OUT it does so from there, so that the same folder by another name is the same. `settle`
# always touches the stamp, but replaces the output only when it came out different, so that what
# stands downstream is spared. A deleted output is made again. `make -n` writes nothing.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
# Whether this make only looks. (The first word has the flags of one letter, if there are any.)
LOOKS := $(findstring n,$(firstword -$(MAKEFLAGS)))$(findstring q,$(firstword -$(MAKEFLAGS)))$(filter cost facts,$(MAKECMDGOALS))
MAKEFLAGS += --no-builtin-rules

# In the source tree the tools lie in build/release/bin; installed, in libexec.
PIPELINES := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
TOOLS_DIR ?= $(firstword $(wildcard $(PIPELINES)/../build/release/bin \
                                    $(PIPELINES)/../../../libexec/lockpick/bin))
DATA      ?= $(PIPELINES)/../data
export PATH := $(abspath $(TOOLS_DIR)):$(PATH)

# Prefixes of commands: empty here, `srun …` on a cluster. With GPUS=n, `make -jN` puts each command that computes with a
# model on one of n GPUs of this machine, as they come free. No recipe starts one such command while another waits for
# it, so one GPU is enough for all.
GPUS    ?=
ON_CPU  ?=
ON_GPU  ?= $(if $(GPUS),$(PIPELINES)/on-gpu $(GPUS))
DEVICE  ?= $(if $(GPUS),cuda,cpu)
THREADS ?= 1

STAGES :=
MODELS :=

output = $(@:.stamp=)
new = $(output).new

# Texts are compared through strip: make 4.3 leaves the newline at the end of $(file <…) now and then.
same = $(if $(subst <$(strip $1)>,,<$(strip $2)>),,same)
arguments = $(call note_arguments,$1,$(subst $(OUT)/,,$2))
note_arguments = $(if $(and $(wildcard $1.args),$(call same,$(file <$1.args),$2)),$1.args,$(if \
    $(LOOKS),.changed,$(shell mkdir -p $(dir $1))$(file >$1.args,$(strip $2))$1.args))
.PHONY: .changed

settle = @$(PIPELINES)/settle $@

# What drawings call the models of composition.mk; $1: how many examples those locked by fine-tuning had.
composition_labels = --label scratch='locked from scratch' $(foreach s,$1,--label sft-$s='locked by fine-tuning on $s examples') \
    --label never-locked='never locked'
