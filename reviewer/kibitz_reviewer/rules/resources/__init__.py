"""Rules about what is taken and not given back."""
