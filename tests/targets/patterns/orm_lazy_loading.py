"""One query for each row (N+1): the problem, and its repair."""

from sqlalchemy import ForeignKey, create_engine, insert, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, joinedload, mapped_column, relationship
from sqlalchemy.pool import StaticPool


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    author: Mapped[Author] = relationship()


ENGINE = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
Base.metadata.create_all(ENGINE)
with Session(ENGINE) as first:
    first.add_all([Book(author=Author(name=str(i))) for i in range(40)])
    first.commit()


def wasteful():
    with Session(ENGINE) as session:
        [book.author.name for book in session.scalars(select(Book))]


def repaired():
    with Session(ENGINE) as session:
        [book.author.name for book in session.scalars(select(Book).options(joinedload(Book.author)))]
