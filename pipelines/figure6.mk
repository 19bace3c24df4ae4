# Figure 6: few demonstrations unlock what was locked from scratch or by fine-tuning, on function composition. All of it
# is a pipeline of its own, composition.mk, whose results lie below $(COMPOSITION).
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk

all: composition

include $(PIPELINES)/study-end.mk
