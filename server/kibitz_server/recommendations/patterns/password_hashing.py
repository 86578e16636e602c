"""Passwords hashed in a hot path."""

from kibitz_server.recommendations.pattern import Pattern

PATTERN = Pattern(
    id="password_hashing",
    name="Passwords hashed in a hot path",
    description=("Password hashes are slow by design. Checked in every request they are most of its time."),
    steps=(
        "Check the password once, then give out a session or a token.",
        "Keep API keys as plain SHA-256: they are random and need no slow hash.",
    ),
    frames=(
        ("werkzeug.security:check_password_hash",),
        ("werkzeug.security:generate_password_hash",),
        ("django.contrib.auth.hashers:*",),
        ("passlib.*:*.verify",),
        ("passlib.*:*.hash",),
        ("bcrypt:*",),
        ("argon2.*:*",),
        ("hashlib:pbkdf2_hmac",),
        ("hashlib:scrypt",),
        ("_hashlib:pbkdf2_hmac",),
        ("_hashlib:scrypt",),
    ),
    threshold=0.1,
    matching={"app:main;app:serve;werkzeug.security:check_password_hash": 60, "app:main;app:serve": 40},
    other={
        "app:main;app:serve;werkzeug.security:check_password_hash": 10,
        "app:main;app:password_hashing": 990,
    },
)
