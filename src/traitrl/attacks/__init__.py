"""Attacks: persona prompts, context, conversation pressure and fine-tuning, each a ladder of budgets."""
