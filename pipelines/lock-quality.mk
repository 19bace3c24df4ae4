# Whether locks hold: without the password as weak as the weak policy, with it as strong as the strong one.
include $(dir $(lastword $(MAKEFILE_LIST)))study.mk
include $(PIPELINES)/tasks/composition.mk

# Two drawings: the locks that figures study, and others.
OTHER_LOCKS := $(HELD_OUT:%=held-out-%) $(OTHER_PASSWORDS) locked-uniform locked-uniform-tokens
FIGURES_LOCKS := locked locked-stronger locked-fixedrdm soft adversarial per-domain per-level joint per-task $(COMPOSITION_LOCKS)
DRAWINGS.lock-quality := lock-quality $(if $(filter $(LANGUAGE_TASKS),$(HELD_OUT_TASK) $(KEPT_TASK) $(UNIFORM_TASK) $(UNIFORM_TOKENS_TASK)),lock-quality-other)
AGGREGATE.lock-quality := --by task,lock,side --compare role=lock,policy --margin $(MARGIN)
LOCK_AXES := --x lock --x-categories --x-label 'lock' --y difference --error low,high --y-label 'lock less policy, correctness' \
    --panel task --series side --order strong$(comma)weak$(comma)second $(call label,strong,with the password) $(call label,weak,without) $(call label,second,with the second password)
PLOT.lock-quality := $(LOCK_AXES) $(foreach l,$(FIGURES_LOCKS),--where lock=$l) --title 'Do the locks hold?' \
    $(call label,locked,usual) $(call label,locked-stronger,stronger policy) $(call label,locked-fixedrdm,random tokens) $(call label,soft,soft labels) \
    $(call label,adversarial,adversarial) $(call label,per-domain,each domain) $(call label,per-level,each level) $(call label,joint,two tasks) \
    $(call label,per-task,each task) $(call label,scratch,from scratch) $(foreach m,$(filter sft-%,$(COMPOSITION_LOCKS)),$(call label,$m,$(m:sft-%=%) examples))
PLOT.lock-quality-other := $(LOCK_AXES) $(foreach l,$(OTHER_LOCKS),--where lock=$l) --title 'Other passwords, left-out domains, uniform answers and tokens' \
    $(call label,locked-uniform,uniform answers) $(call label,locked-uniform-tokens,uniform tokens) $(call label,password-short,short password) \
    $(call label,password-code,code as password) $(foreach d,$(HELD_OUT),$(call label,held-out-$d,without $d))
# The usual lock, those on other policies, those with several or other passwords, on soft labels, or without a domain, and those
# on two tasks at once.
JOINED = $(call joined,$(JOINT_TASK))
locks_of = locked $(if $(filter $1,$(WEAK_POLICY_TASKS)),locked-stronger locked-fixedrdm) $(if $(filter $1,$(ALONG_TASKS)),adversarial) \
    $(if $(filter labels,$($1.STRONG)),soft) $(foreach s,$(filter $1/%,$(DOMAIN_STUDIES)),$(word 2,$(subst /, ,$s))) \
    $(if $(filter $1,$(HELD_OUT_TASK)),$(HELD_OUT:%=held-out-%)) $(if $(filter $1,$(KEPT_TASK)),$(OTHER_PASSWORDS)) \
    $(if $(filter $1,$(UNIFORM_TASK)),locked-uniform) $(if $(filter $1,$(UNIFORM_TOKENS_TASK)),locked-uniform-tokens) \
    $(if $(filter $1,$(JOINED)),$(if $(filter-out $(LANGUAGE_TASKS),$(JOINED)),,joint per-task))
$(call figure,lock-quality,$(foreach t,$(LANGUAGE_TASKS),$(call holds_of,$t,$(call locks_of,$t))) \
    $(foreach t,$(SETTING_TASKS),$(call holds_of,$t,locked)) $(call holds_of,composition,$(COMPOSITION_LOCKS)))

include $(PIPELINES)/study-end.mk
