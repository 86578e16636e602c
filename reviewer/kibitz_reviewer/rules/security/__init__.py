"""Rules about what an attacker could use."""
