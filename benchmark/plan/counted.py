"""Which code of the core counts: what determines bytes, stage by stage, and what does not."""

from __future__ import annotations

# The code that determines bytes, stage by stage: files of benchmark/, or single definitions in them. Plugins and what
# they import come on top.
CHECKING = "base.py model/compatible.py model/parts.py model/trial.py"
_SCHEDULE = """
model/compatible.py:schedule model/compatible.py:KEPT model/compatible.py:OVERRIDDEN model/compatible.py:BETAS
model/compatible.py:prediction model/compatible.py:reduction
"""
DRAWING = f"""
generate.py
{_SCHEDULE} model/sampling.py model/guidance.py model/apply.py model/diffusion.py model/guard.py:_kept
store/manifest.py store/weights.py:base store/weights.py:read_delta
running/devices.py:device plan/groups.py:OWN plan/prompt_rows.py:read plan/prompt_rows.py:_value
"""
WRITING = "prompts.py plan/prompt_rows.py:write"
ERASING = f"""
erase.py
{_SCHEDULE} model/workbench.py model/diffusion.py model/guard.py:untouched model/guard.py:_kept
store/manifest.py:picture store/weights.py:save_delta store/weights.py:UNSEALED store/weights.py:_file
running/devices.py:device plan/records.py:Request plan/groups.py:OWN
"""
EMBEDDING = "embed.py store/weights.py:base"
TRAINING = """
train_classifier.py
store/manifest.py:picture store/weights.py:write_tensors store/weights.py:_file
running/devices.py:device
"""
READING = """
prompts.py plan/prompt_file.py plan/prompt_rows.py:_prefix plan/prompt_rows.py:write plan/prompt_set.py:COLUMNS
plan/prompt_rows.py:_whole_set plan/prompt_rows.py:_asking plan/prompt_rows.py:_learned_from
plan/prompt_rows.py:_count_of_class plan/prompt_rows.py:seeds plan/prompt_rows.py:_count
"""
ATTACKING = f"""
attack.py
{_SCHEDULE} model/workbench.py model/diffusion.py model/apply.py model/guidance.py model/guard.py:_kept
store/weights.py:read_delta running/devices.py:device plan/groups.py:OWN
"""
ADOPTING = f"""
adopt.py
{_SCHEDULE} model/diffusion.py
store/manifest.py store/weights.py:save_delta store/weights.py:UNSEALED store/weights.py:_file
"""
LOOKING = """
observe.py
store/evidence.py store/manifest.py:picture store/manifest.py:ROUNDING
running/devices.py:device
"""
SCORING = """
score.py
store/scores.py:COLUMNS store/scores.py:OPTIONAL store/scores.py:write store/evidence.py store/manifest.py:Image
plan/versions.py plan/prompt_rows.py:read plan/prompt_rows.py:_value plan/prompt_rows.py:of_model
plan/prompt_rows.py:_count plan/prompt_rows.py:role_of plan/records.py:Task
store/details.py store/look.py store/traces.py
"""
VIEWING = """
view.py
showing/typeset.py showing/plot.py showing/marks.py showing/notes.py showing/words.py showing/summary.py
store/frames.py store/scores.py store/details.py store/score_names.py store/handed.py store/evidence.py
store/manifest.py:picture plan/versions.py plan/sensitive.py
"""

# Files and folders that count for nothing: they determine no byte, or what they make of a run stands in causes as
# values, or causes name their definitions one by one.
APART = (
    "benchmark/plan/",
    "benchmark/running/",
    "benchmark/errors.py",
    "benchmark/files.py",
    "benchmark/store/checkpoint.py",
    "benchmark/store/lease.py",
    "benchmark/model/hub.py",
    "benchmark/model/inventory.py",
    "benchmark/model/parts.py",
    "benchmark/model/trial.py",
)
