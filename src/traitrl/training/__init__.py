"""Training: the schedule of prompts, the ledger of compute, and the trainers."""
