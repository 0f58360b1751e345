"""Attacks: persona prompts and harmful fine-tuning. Each has a budget and yields an attacked model or prompt."""
