"""Model cards, the shipped models, and descriptions of models without a card."""
