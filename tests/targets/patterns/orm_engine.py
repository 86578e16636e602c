"""Database engines made again and again: the problem, and its repair."""

from sqlalchemy import create_engine, text

ENGINE = create_engine("sqlite://")


def wasteful():
    create_engine("sqlite://")


def repaired():
    with ENGINE.connect() as connection:
        connection.execute(text("select 1")).all()
